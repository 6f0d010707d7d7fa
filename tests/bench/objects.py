"""Large files on their way to S3: through the product, and straight from the client with a presigned PUT to the same server.

The store is rclone's server. What an upload may hold in memory depends on how much the request tells of it: the size of the only
file of a request is known, and that of one which others follow is not.

python -m tests.bench.objects [--medium 100M] [--rounds 3]
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench import report
from tests.bench.client import Exchange
from tests.bench.harness import BenchFailed, Meter, Side, ask, ask_one, interleave, rest, succeeded
from tests.bench.options import Options
from tests.bench.product import Product, product
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.bench.wire import Sample, graphql_upload, graphql_uploads, make_sample, put, sha256_of
from tests.fixtures.s3 import server_of
from tests.fixtures.servers.buckets import S3Server
from tests.fixtures.servers.s3 import start_rclone

_GIB, _MIB = 1024**3, 1024**2
_MEMORY_OF_ONE, _MEMORY_OF_FURTHER = 64 * _MIB, 48 * _MIB
_EXPIRES_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Store:
    """A running S3 server with one bucket, as a side of its own. Objects are files in the bucket's folder."""

    server: S3Server
    side: Side
    bucket: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The product's settings for it."""
        return {
            "STORAGE_BACKEND": "s3",
            "S3_ENDPOINT": self.server.endpoint,
            "S3_BUCKET": self.bucket,
            "S3_ACCESS_KEY_ID": self.server.access_key_id,
            "S3_SECRET_ACCESS_KEY": self.server.secret_access_key,
            "S3_REGION": self.server.region,
            "S3_FORCE_PATH_STYLE": "true",
        }

    def presigned_put(self, sample: Sample) -> Exchange:
        """The sample, from the client straight to the store."""
        parameters = {"Bucket": self.bucket, "Key": "direct/sample.bin"}
        url = self.server.client.generate_presigned_url("put_object", parameters, _EXPIRES_SECONDS)
        return put(sample, url.removeprefix(self.server.endpoint), self.server.endpoint.partition("//")[2])

    def check(self, sample: Sample, count: int) -> None:
        """Raise BenchFailed unless the sample has been stored so many times."""
        found = [path for path in self.side.stored() if path.stat().st_size == sample.size]
        if len(found) != count or any(sha256_of(path) != sample.sha256 for path in found):
            raise BenchFailed(f"the store has {len(found)} such objects in place of {count}, or they hold other bytes")

    def clear(self) -> None:
        """Remove what was uploaded: the product is not told, for it is not asked for it again."""
        for folder in (path for path in self.side.target.iterdir() if path.is_dir() and not path.name.startswith(".")):
            shutil.rmtree(folder)


@dataclass(frozen=True, slots=True)
class Turn:
    """One upload: bytes a second, and seconds of the CPU time of all servers that it took."""

    rate: float
    cpu_per_gib: float


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """All rows about uploads to S3."""
    process = start_rclone()
    server = server_of(process)
    try:
        bucket = server.create_bucket()
        port = int(process.endpoint.rpartition(":")[2])
        store = Store(server, Side("store", process.process, port, process.data / bucket, folder / "tmp"), bucket)
        with product(folder, environment=store.environment) as satchel:
            small = make_sample(folder, options.small)
            _upload(satchel, store, small)
            yield from _throughput(satchel, store, make_sample(folder, options.medium), options)
            yield from _crowd(satchel, store, small, options)
    finally:
        server.close()
        process.stop()


def _upload(satchel: Product, store: Store, sample: Sample) -> None:
    satchel.upload(sample)
    store.check(sample, 1)
    store.clear()


def _throughput(satchel: Product, store: Store, sample: Sample, options: Options) -> Iterator[Row]:
    direct = store.presigned_put(sample)
    through = graphql_upload(sample, satchel.tokens[0])
    idle = rest(satchel.side)
    peaks: list[int] = []

    def turn(side: Side, exchange: Exchange) -> Callable[[], Turn]:
        def run() -> Turn:
            with Meter(satchel.side, files=False) as own, Meter(store.side, files=False) as stored:
                outcome = ask_one(side, exchange)
            store.check(sample, 1)
            store.clear()
            if side is satchel.side:
                peaks.append(own.peak_rss - idle)
            cpu = (own.cpu_seconds + stored.cpu_seconds) * _GIB / sample.size
            return Turn(sample.size / outcome["seconds"], cpu)

        return run

    turns = interleave(options.rounds, {"own": turn(satchel.side, through), "direct": turn(store.side, direct)})
    rates = {name: [turn.rate for turn in taken] for name, taken in turns.items()}
    what = f"{report.size(sample.size)} upload to S3"
    ratio = Spread.ratios(rates["own"], rates["direct"])
    yield report.at_least(f"{what}, throughput", ratio, 0.9, "presigned PUT", bytes_per_second=rates)
    cpu = {name: Spread.of([turn.cpu_per_gib for turn in taken]) for name, taken in turns.items()}
    others = f"presigned PUT {cpu['direct'].median:.2f}"
    yield report.information(f"{what}, CPU s/GiB, store included", cpu["own"].text(), others)
    yield report.bytes_at_most(f"{what}, memory above idle", peaks, _MEMORY_OF_ONE)


def _crowd(satchel: Product, store: Store, small: Sample, options: Options) -> Iterator[Row]:
    """What one upload holds, and each beyond it while all are under way: of files whose size is not known, in parts."""
    sample = make_sample(small.path.parent, options.object_size)
    idle, peaks = rest(satchel.side), []
    for count in (1, options.object_crowd):
        exchange = graphql_uploads([sample, small], satchel.tokens[0])
        with Meter(satchel.side, files=False) as meter:
            outcomes = ask(satchel.side, "slow", [exchange] * count, options.object_rate)
        for outcome in outcomes:
            succeeded(satchel.side, outcome)
        store.check(sample, count)
        store.clear()
        peaks.append(meter.peak_rss)
    each = (peaks[1] - peaks[0]) / (options.object_crowd - 1)
    what = f"{report.size(sample.size)} upload to S3 in parts, memory above idle"
    yield report.bytes_at_most(what, [peaks[0] - idle], _MEMORY_OF_ONE)
    what = f"each further concurrent upload to S3 in parts (1 and {options.object_crowd})"
    yield report.bytes_at_most(what, [each], _MEMORY_OF_FURTHER, peaks=peaks)


if __name__ == "__main__":
    main(measure)
