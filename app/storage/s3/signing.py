"""Signature Version 4 by hand: some 20 µs for a request, where the vendor's library takes 200.

Of the standard only what is needed here is done: bodies are not part of the signature (`UNSIGNED-PAYLOAD`), and paths are
those of `Address`, which need no further escaping. The tests compare every signature with the vendor's own.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from app.storage.s3.config import Address

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_SECOND = timedelta(seconds=1)
# The longest validity that the standard knows, in seconds: a week.
_LONGEST_SECONDS = 604_800


class Signer:
    """Signs requests to one region with one key pair."""

    def __init__(self, access_key_id: str, secret_access_key: str, region: str) -> None:
        self._access_key_id = access_key_id
        self._secret = f"AWS4{secret_access_key}".encode()
        self._region = region
        self._day = ""
        self._key = b""

    def headers(
        self, method: str, address: Address, path: str, query: str, extra: Mapping[str, str], now: datetime
    ) -> dict[str, str]:
        """The headers that make it a signed request: `extra`, in lower case, and what the signature adds to them.

        `path` and `query` are as they go over the wire, the query as `query_string` makes it. `now` must be aware.
        """
        moment = _written(now)
        headers = {"host": address.host, "x-amz-content-sha256": _UNSIGNED, "x-amz-date": moment, **extra}
        names = sorted(headers)
        fields = "".join(f"{name}:{headers[name]}\n" for name in names)
        request = f"{method}\n{path}\n{query}\n{fields}\n{';'.join(names)}\n{_UNSIGNED}"
        credential = f"{self._access_key_id}/{self._scope(moment)}"
        headers["authorization"] = (
            f"{_ALGORITHM} Credential={credential}, SignedHeaders={';'.join(names)}, "
            f"Signature={self._signature(request, moment)}"
        )
        return headers

    def presign(
        self, address: Address, path: str, answer: Mapping[str, str], *, now: datetime, expires_at: datetime
    ) -> str:
        """A URL that gives a GET of `path`, with these query parameters, until `expires_at`. Both moments must be aware.

        The standard counts in whole seconds: the URL may work for a part of a second longer, and never shorter. A week is
        the longest, and what has expired already stays expired.
        """
        start = now.replace(microsecond=0)
        seconds = min(-((start - expires_at) // _SECOND), _LONGEST_SECONDS)
        if seconds < 1:
            start, seconds = start + (seconds - 1) * _SECOND, 1
        moment = _written(start)
        query = query_string(
            {
                **answer,
                "X-Amz-Algorithm": _ALGORITHM,
                "X-Amz-Credential": f"{self._access_key_id}/{self._scope(moment)}",
                "X-Amz-Date": moment,
                "X-Amz-Expires": str(seconds),
                "X-Amz-SignedHeaders": "host",
            }
        )
        request = f"GET\n{path}\n{query}\nhost:{address.host}\n\nhost\n{_UNSIGNED}"
        return f"{address.origin}{path}?{query}&X-Amz-Signature={self._signature(request, moment)}"

    def _scope(self, moment: str) -> str:
        return f"{moment[:8]}/{self._region}/s3/aws4_request"

    def _signature(self, request: str, moment: str) -> str:
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{moment}\n{self._scope(moment)}\n{digest}"
        return hmac.digest(self._key_of(moment[:8]), text.encode(), "sha256").hex()

    def _key_of(self, day: str) -> bytes:
        # Four of the five rounds of a signature depend on nothing but the day.
        if day != self._day:
            key = self._secret
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key
        return self._key


def query_string(parameters: Mapping[str, str]) -> str:
    """A query in the one form that may be signed: sorted, everything escaped that can be."""
    escaped = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in escaped)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
