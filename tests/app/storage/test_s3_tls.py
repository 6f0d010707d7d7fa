"""An S3 store behind TLS: its certificate is checked, by both halves of the backend (R9)."""

import ipaddress
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.clock import SystemClock
from app.storage.errors import Reason, Unavailable
from tests.app.storage.s3_stores import opened, quickly
from tests.contract.harness import NoDigest, data_of, fetch, new_key
from tests.contract.s3_harness import config_for
from tests.fixtures.s3 import server_of
from tests.fixtures.servers.buckets import S3Server
from tests.fixtures.servers.s3 import start_rclone

pytestmark = pytest.mark.requirement("R9")


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = SystemClock().now()
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key, in files."""
    return make_certificate(tmp_path)


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[S3Server]:
    """A server behind TLS."""
    process = start_rclone("--cert", str(certificate[0]), "--key", str(certificate[1]))
    yield server_of(process)
    process.stop()


async def test_a_store_with_a_certificate_that_is_trusted_is_used(
    server: S3Server, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
    bucket = server.create_bucket()
    async with opened(config_for(server, bucket)) as backend:
        for size in (10_000, 9 * 1024 * 1024):
            key = new_key()
            assert await backend.write(key, quickly(size), digest=NoDigest(), size_hint=size) == size
            assert await fetch(backend, key) == data_of(size)
            await backend.delete(key)
    server.close()


async def test_a_store_with_a_certificate_that_is_not_trusted_is_not(server: S3Server) -> None:
    async with opened(config_for(server, "any-bucket")) as backend:
        for call in (
            backend.check(),
            backend.read_identity(),
            backend.write(new_key(), quickly(10), digest=NoDigest()),
        ):
            with pytest.raises(Unavailable) as failure:
                await call
            assert failure.value.reason is Reason.UNREACHABLE
