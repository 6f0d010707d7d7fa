"""What an S3 store is reached by, and how hard it is driven."""

import ipaddress
import os
import re
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from botocore.httpsession import get_cert_path

from app.origins import is_web_address, origin_of

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class S3Config:
    """One bucket and the way to it. Raises ValueError, with a sentence for the operator, when it makes no sense.

    The bucket must exist: its name, region and policies are decisions that an application must not make. The credentials need
    `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject`, `s3:AbortMultipartUpload`, `s3:ListBucket` and
    `s3:ListBucketMultipartUploads`; without the listing rights a missing object cannot be told from a forbidden one.
    """

    bucket: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    # Empty: Amazon's own, in the region.
    endpoint: str = ""
    # What clients reach the same store under, when that is another name: it goes into signed URLs, signature included.
    public_endpoint: str = ""
    region: str = "us-east-1"
    # `https://host/bucket/key` instead of `https://bucket.host/key`; a host that is an IP address knows no other form.
    force_path_style: bool = False
    # The bound on one step without any progress, in seconds.
    timeout_seconds: float = 30.0
    # Whether a CRC32C goes with objects that are one request. For stores that refuse headers they do not know.
    checksums: bool = True
    # The size of the first parts, and the size up to which an object is one request. Less than 8 MiB is not for S3 itself.
    part_bytes: int = 8 * 1024 * 1024
    # How many parts of one object are under way at once; one more is being received meanwhile.
    parts_in_flight: int = 4
    # A sender is quick whose first MiB comes within this time, in seconds; what a quick one sends is passed on.
    quick_seconds: float = 0.05
    # How long the identity of a new bucket settles, in seconds. Less is for buckets that one process alone starts on.
    settle_seconds: float = 3.0
    # Connections for everything but bodies. A body has one as long as it is under way.
    max_connections: int = 32

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise ValueError("the bucket's name must have 3 to 63 lower-case letters, digits, dots and hyphens")
        if not self.access_key_id or not self.secret_access_key:
            raise ValueError("the access key id and the secret access key must be given")
        for name, url in (("endpoint", self.endpoint), ("public endpoint", self.public_endpoint)):
            if url and not _is_endpoint(url):
                raise ValueError(f"the {name} must be http://HOST[:PORT] or https://HOST[:PORT]")

    @property
    def path_style(self) -> bool:
        """Whether the bucket's name stands in the path of URLs, or else in front of the host."""
        return self.force_path_style or any(map(_is_ip, (self.endpoint, self.public_endpoint)))

    @property
    def endpoint_url(self) -> str:
        """Where this process reaches the store, without the bucket."""
        return (self.endpoint or f"https://s3.{self.region}.amazonaws.com").rstrip("/")

    @property
    def over_tls(self) -> bool:
        """Whether this process reaches the store over TLS, in whatever letters the endpoint says so."""
        return urlsplit(self.endpoint_url).scheme == "https"

    @property
    def address(self) -> "Address":
        """Where this process reaches the bucket."""
        return Address.of(self.endpoint_url, self.bucket, path_style=self.path_style)

    @property
    def public_address(self) -> "Address":
        """Where clients reach the bucket."""
        endpoint = self.public_endpoint.rstrip("/") or self.endpoint_url
        return Address.of(endpoint, self.bucket, path_style=self.path_style)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a bucket is: the `origin` of its URLs, the `host` as it is signed, and the `root`, the path that keys are under."""

    origin: str
    host: str
    root: str

    @classmethod
    def of(cls, endpoint: str, bucket: str, *, path_style: bool) -> "Address":
        """The address of a bucket at an endpoint, whose own path, if it has one, is kept."""
        # A port that goes without saying is left out by every client, and so it must be by the signature.
        scheme, _, name = origin_of(endpoint).partition("://")
        host = name if path_style else f"{bucket}.{name}"
        base = quote(urlsplit(endpoint).path.rstrip("/"), safe="/-_.~%")
        return cls(f"{scheme}://{host}", host, f"{base}/{bucket}" if path_style else base)

    def path(self, key: str) -> str:
        """The path of an object. Keys are plain ASCII that needs no escaping (R12), and so is the name of the identity."""
        return f"{self.root}/{key}"


def authorities() -> str:
    """The file of the certificate authorities that vouch for a store: those of AWS_CA_BUNDLE, or the vendor's library's own."""
    return os.environ.get("AWS_CA_BUNDLE") or str(get_cert_path(True))


def _is_ip(url: str) -> bool:
    try:
        ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return True


def _is_endpoint(url: str) -> bool:
    if not is_web_address(url):
        return False
    parts = urlsplit(url)
    return not (parts.query or parts.fragment or parts.username or parts.password)
