"""An S3 store behind TLS: its certificate is checked, by both halves of the backend (R9)."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Iterator
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


class Tunnels:
    """A proxy that only lets through what asks for a tunnel, and counts that."""

    def __init__(self) -> None:
        self.made = 0
        self._ends: list[asyncio.StreamWriter] = []
        self._served: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End all connections, and wait for that."""
        for end in self._ends:
            end.close()
        await asyncio.gather(*self._served)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One more connection."""
        self._served.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, *_ = (await reader.readuntil(b"\r\n\r\n")).split()
        assert method == b"CONNECT"
        host, port = target.decode().rsplit(":", 1)
        there, back = await asyncio.open_connection(host, int(port))
        self.made += 1
        self._ends += (writer, back)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture(params=["directly", "through a proxy"])
async def tunnels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tunnels | None]:
    """The way to the store: none, or a proxy that the environment names."""
    if request.param == "directly":
        yield None
        return
    tunnels = Tunnels()
    proxy = await asyncio.start_server(tunnels.accept, "127.0.0.1")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
    yield tunnels
    proxy.close()
    await tunnels.close()


async def test_a_store_with_a_certificate_that_is_trusted_is_used(
    server: S3Server, certificate: tuple[Path, Path], tunnels: Tunnels | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
    bucket = await asyncio.to_thread(server.create_bucket)  # the proxy, if there is one, is served meanwhile
    async with opened(config_for(server, bucket)) as backend:
        for size in (10_000, 9 * 1024 * 1024):
            key = new_key()
            assert await backend.write(key, quickly(size), digest=NoDigest(), size_hint=size) == size
            assert await fetch(backend, key) == data_of(size)
            await backend.delete(key)
    assert tunnels is None or tunnels.made > 1
    server.close()


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
async def test_a_store_with_a_certificate_that_is_not_trusted_is_not(
    server: S3Server, tunnels: Tunnels | None, scheme: str
) -> None:
    endpoint = server.endpoint.replace("https", scheme)
    async with opened(config_for(server, "any-bucket", endpoint=endpoint)) as backend:
        for call in (
            backend.check(),
            backend.read_identity(),
            backend.write(new_key(), quickly(10), digest=NoDigest()),
        ):
            with pytest.raises(Unavailable) as failure:
                await call
            assert failure.value.reason is Reason.UNREACHABLE
    assert tunnels is None or tunnels.made > 0
