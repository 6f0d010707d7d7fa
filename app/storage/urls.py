"""Signed URLs for stores that cannot sign themselves (R4, R14): `{public_url}/files/{token}`.

A token is the URL's whole meaning, so nothing is kept on the server: `base64url(payload) "." base64url(HMAC-SHA256)`. The key
of the MAC is derived from the secret for this purpose alone; a login token, whose key is another one, can
never pass here, nor one of these there.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app.clock import Clock
from app.storage.backend import SignedRead
from app.storage.errors import ExpiredUrl, InvalidUrl
from app.storage.keys import check_key

# The number changes when the payload does: URLs of the older form are then refused instead of misread.
_PURPOSE = b"satchel signed url 1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

MIN_SECRET_BYTES = 32


class VerifiedRead(NamedTuple):
    """What a token that has passed says: the name of a storage location and what may be read there."""

    location: str
    request: SignedRead


class UrlSigner:
    """Makes and checks the tokens. Whoever holds `secret` (32 bytes at least) can read every object."""

    def __init__(self, secret: bytes, public_url: str, clock: Clock) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the secret must have at least {MIN_SECRET_BYTES} bytes")
        self._key = hmac.digest(secret, _PURPOSE, hashlib.sha256)
        self._files_url = f"{public_url.rstrip('/')}/files/"
        self._clock = clock

    def sign(self, request: SignedRead, location: str) -> str:
        """The URL under which `app.web.downloads` serves this read. `expires_at` must be aware; raises `InvalidKey`."""
        expires_at = (request.expires_at - _EPOCH) // _MICROSECOND
        fields = [location, check_key(request.key), request.file_name, request.mime_type, request.inline, expires_at]
        payload = _encode(json.dumps(fields, separators=(",", ":")).encode())
        return f"{self._files_url}{(payload + b'.' + self._mac(payload)).decode()}"

    def verify(self, token: str) -> VerifiedRead:
        """What the token allows. Raises `InvalidUrl` for one that was not made by `sign`, `ExpiredUrl` from its expiry on.

        The MACs are compared as they are written, not as they decode: base64 has several spellings of the same bytes.
        """
        payload, _, mac = token.encode("utf-8", "replace").partition(b".")
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise InvalidUrl
        location, key, file_name, mime_type, inline, expires_at = json.loads(_decode(payload))
        request = SignedRead(key, file_name, mime_type, inline, _EPOCH + expires_at * _MICROSECOND)
        if self._clock.now() >= request.expires_at:
            raise ExpiredUrl(request.key)
        return VerifiedRead(location, request)

    def _mac(self, payload: bytes) -> bytes:
        return _encode(hmac.digest(self._key, payload, hashlib.sha256))


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
