"""Signatures that are made by hand are, letter for letter, those that the vendor's library makes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from app.storage.keys import make_key
from app.storage.s3.config import S3Config
from app.storage.s3.signing import Signer, query_string

pytestmark = [pytest.mark.requirement("R14"), pytest.mark.requirement("R9")]

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADDRESSES = [
    ("", False, "eu-central-1"),
    ("", True, "us-west-2"),
    ("https://s3.example.org", False, "us-east-1"),
    ("https://S3.example.org:443", False, "us-east-1"),
    ("http://s3.example.org:80/", True, "nbg1"),
    ("https://minio.example.org:9000", True, "us-east-1"),
    ("http://minio.example.org:9000", False, "us-east-1"),
    ("https://example.org/storage/s3", True, "us-east-1"),
    ("http://127.0.0.1:19000", False, "us-east-1"),
    ("http://[::1]:19000", True, "us-east-1"),
]

moments = st.datetimes(
    datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2099-01-01"), timezones=st.just(UTC)
)
keys = st.builds(
    make_key,
    st.none() | st.uuids(),
    moments,
    st.uuids(),
    st.sampled_from(["a", "a.pdf", "b.tar.gz", "x.MP4"]),
)
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def config_of(endpoint: str, region: str, *, path_style: bool) -> S3Config:
    return S3Config("my-bucket", KEY_ID, SECRET, endpoint=endpoint, region=region, force_path_style=path_style)


def vendors_client(config: S3Config) -> Any:
    style = "path" if config.path_style else "virtual"
    return boto3.client(
        "s3",
        endpoint_url=config.endpoint_url,
        region_name=config.region,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )


def moment_of(written: str) -> datetime:
    return datetime.strptime(written, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def place_of(url: str) -> tuple[str, str | None, int | None, str]:
    """Where a URL leads. The vendor writes a port that goes without saying, and capitals; neither is signed so."""
    parts = urlsplit(url)
    port = parts.port if parts.port not in {80, 443} else None
    return parts.scheme, parts.hostname, port, parts.path


@pytest.mark.parametrize("endpoint, path_style, region", ADDRESSES)
def test_a_signed_url_is_the_vendors(endpoint: str, path_style: bool, region: str) -> None:
    config = config_of(endpoint, region, path_style=path_style)
    address, signer, vendor = config.address, Signer(KEY_ID, SECRET, region), vendors_client(config)

    @settings(max_examples=30, deadline=None)
    @given(key=keys, disposition=values, mime_type=values, seconds=st.integers(1, 604_800))
    def compare(key: str, disposition: str, mime_type: str, seconds: int) -> None:
        answer = {"ResponseContentDisposition": disposition, "ResponseContentType": mime_type}
        theirs = vendor.generate_presigned_url(
            "get_object", Params={"Bucket": config.bucket, "Key": key, **answer}, ExpiresIn=seconds
        )
        their_query = dict(parse_qsl(urlsplit(theirs).query, keep_blank_values=True))
        now = moment_of(their_query["X-Amz-Date"])
        ours = signer.presign(
            address,
            address.path(key),
            {"response-content-disposition": disposition, "response-content-type": mime_type},
            now=now,
            expires_at=now + timedelta(seconds=seconds),
        )
        assert place_of(ours) == place_of(theirs)
        assert dict(parse_qsl(urlsplit(ours).query, keep_blank_values=True)) == their_query

    compare()


@settings(max_examples=200, deadline=None)
@given(
    key=keys,
    secret=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60),
    region=st.from_regex(r"[a-z]{2}-[a-z]{4,9}-[1-9]", fullmatch=True),
    query=st.dictionaries(st.sampled_from(["partNumber", "uploadId", "part-number", "x-id", "z"]), values, max_size=4),
    extra=st.dictionaries(
        st.sampled_from(["range", "if-none-match", "x-amz-checksum-crc32c", "content-type"]),
        st.from_regex(r"[!-~]{1,30}", fullmatch=True),
    ),
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    place=st.sampled_from(ADDRESSES),
)
def test_a_signed_request_is_the_vendors(
    key: str,
    secret: str,
    region: str,
    query: dict[str, str],
    extra: dict[str, str],
    method: str,
    place: tuple[str, bool, str],
) -> None:
    address = config_of(place[0], region, path_style=place[1]).address
    url = f"{address.origin}{address.path(key)}"
    theirs = AWSRequest(method, url, headers=extra, params=query)
    theirs.context["client_config"] = Config(s3={"payload_signing_enabled": False})
    S3SigV4Auth(Credentials(KEY_ID, secret), "s3", region).add_auth(theirs)
    ours = Signer(KEY_ID, secret, region).headers(
        method, address, address.path(key), query_string(query), extra, moment_of(theirs.headers["X-Amz-Date"])
    )
    assert ours["authorization"] == theirs.headers["Authorization"]
    assert ours["x-amz-content-sha256"] == theirs.headers["X-Amz-Content-SHA256"] == "UNSIGNED-PAYLOAD"


@given(moments=st.lists(moments, min_size=2, max_size=6))
def test_a_signer_that_has_signed_before_signs_as_a_fresh_one(moments: list[datetime]) -> None:
    address, used = config_of("", "us-east-1", path_style=True).address, Signer(KEY_ID, SECRET, "us-east-1")
    for now in moments:
        fresh = Signer(KEY_ID, SECRET, "us-east-1")
        assert used.headers("GET", address, "/k", "", {}, now) == fresh.headers("GET", address, "/k", "", {}, now)


def validity_of(now: datetime, expires_at: datetime) -> tuple[datetime, int]:
    url = Signer(KEY_ID, SECRET, "us-east-1").presign(
        config_of("", "us-east-1", path_style=True).address, "/k", {}, now=now, expires_at=expires_at
    )
    query = dict(parse_qsl(urlsplit(url).query))
    return moment_of(query["X-Amz-Date"]), int(query["X-Amz-Expires"])


@given(moments, st.integers(1, 604_799_000_000))
def test_a_url_lives_until_its_moment_and_not_a_second_longer(now: datetime, microseconds: int) -> None:
    expires_at = now + timedelta(microseconds=microseconds)
    start, seconds = validity_of(now, expires_at)
    assert start <= now
    assert expires_at <= start + timedelta(seconds=seconds) < expires_at + timedelta(seconds=1)
    assert 1 <= seconds <= 604_800


@given(moments, st.integers(0, 10**12))
def test_a_url_that_has_expired_stays_expired(now: datetime, microseconds: int) -> None:
    expires_at = now - timedelta(microseconds=microseconds)
    start, seconds = validity_of(now, expires_at)
    assert seconds == 1
    assert start + timedelta(seconds=seconds) < expires_at + timedelta(seconds=1)


def test_no_url_lives_longer_than_a_week() -> None:
    assert validity_of(START, START + timedelta(days=30)) == (START, 604_800)


def test_the_secret_is_not_shown() -> None:
    config = config_of("", "us-east-1", path_style=True)
    assert SECRET not in repr(config)
    assert SECRET not in repr(config.address)


def test_clients_are_sent_to_the_public_endpoint() -> None:
    config = S3Config(
        "my-bucket",
        KEY_ID,
        SECRET,
        endpoint="http://minio:9000",
        public_endpoint="https://s3.example.org",
        force_path_style=True,
    )
    key = make_key(None, START, UUID(int=7), "a.pdf")
    url = Signer(KEY_ID, SECRET, "us-east-1").presign(
        config.public_address, config.public_address.path(key), {}, now=START, expires_at=START + timedelta(minutes=5)
    )
    assert url.startswith(f"https://s3.example.org/my-bucket/{key}?")
    assert config.address.origin == "http://minio:9000"


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"bucket": "Has_Capitals"}, "bucket's name"),
        ({"bucket": "a/b"}, "bucket's name"),
        ({"bucket": ""}, "bucket's name"),
        ({"access_key_id": ""}, "access key id"),
        ({"secret_access_key": ""}, "secret access key"),
        ({"endpoint": "minio:9000"}, "endpoint must be"),
        ({"endpoint": "http://minio:port"}, "endpoint must be"),
        ({"endpoint": "https://user:word@minio"}, "endpoint must be"),
        ({"endpoint": "https://minio?x=1"}, "endpoint must be"),
        ({"public_endpoint": "ftp://minio"}, "public endpoint must be"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        S3Config(**{"bucket": "my-bucket", "access_key_id": KEY_ID, "secret_access_key": SECRET, **wrong})  # type: ignore[arg-type] # only texts are given
