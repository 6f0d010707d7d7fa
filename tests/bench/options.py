"""How much is measured: the long form by default, a quick one that only shows that everything works."""

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes in bytes. `postgres_url` names a server to use in place of one of its own; databases are made on it."""

    large: int = 1024**3
    medium: int = 100 * 1000**2
    rounds: int = 3
    crowd: int = 33  # concurrent slow uploads
    slow_size: int = 8 * 1024**2
    slow_rate: int = 2 * 1024**2  # bytes a second of each
    object_crowd: int = 5  # the same to S3, where each may hold more: fewer of them, longer and faster
    object_size: int = 64 * 1024**2
    object_rate: int = 32 * 1024**2
    small: int = 10 * 1024
    small_uploads: int = 3000  # in each round
    clients: int = 16
    queries: int = 2000  # in each round
    lists: int = 400
    refused_size: int = 1024**3  # of a file that takes no room, so it can be as large as it likes
    refusals: int = 30
    list_rows: int = 1_000_000
    page_reads: int = 40
    reservations: int = 4000  # in each round
    cleaned_files: int = 10_000  # in each round
    looped_files: int = 500  # in each round, by who deletes them one at a time
    reconciled_files: int = 1_000_000
    reconciled_users: int = 100_000
    subscribers: int = 1000
    events: int = 20  # that each subscriber is given in each round
    folder: Path = Path(tempfile.gettempdir())
    postgres_url: str | None = None
    json: Path | None = None
    results: Path | None = None  # a folder for the figures in every form, charts included
    only: tuple[str, ...] = ()

    @classmethod
    def quick(cls) -> Self:
        """Everything once, as small as it can be."""
        return cls(
            large=3 * 1024**2,
            medium=1024**2,
            rounds=1,
            crowd=3,
            slow_size=512 * 1024,
            slow_rate=1024**2,
            object_crowd=2,
            object_size=10 * 1024**2,
            small_uploads=32,
            clients=4,
            queries=32,
            lists=16,
            refusals=3,
            list_rows=2000,
            page_reads=3,
            reservations=64,
            cleaned_files=60,
            looped_files=20,
            reconciled_files=3000,
            reconciled_users=1000,
            subscribers=20,
            events=5,
        )

    @classmethod
    def parse(cls, arguments: list[str] | None = None, *, sections: tuple[str, ...] = ()) -> Self:
        """From the command line. What is given there wins over the quick form's sizes."""
        parser = argparse.ArgumentParser(description="Measure Satchel in ratios to other ways of doing the same.")
        parser.add_argument("--quick", action="store_true", help="only show that everything works, in some seconds")
        parser.add_argument("--size", dest="large", type=_size, metavar="BYTES", help="of the large file: 64M, 1G")
        parser.add_argument("--medium", type=_size, metavar="BYTES", help="of the medium file")
        parser.add_argument("--rounds", type=int, help="how often each side has its turn")
        parser.add_argument("--small-uploads", type=int, help="small files in each round")
        parser.add_argument("--rows", dest="list_rows", type=int, help="of the list that is paged")
        parser.add_argument("--subscribers", type=int, help="of the fan-out")
        parser.add_argument("--folder", type=Path, help="where the sides store files; on the disk that is meant")
        parser.add_argument(
            "--postgres", dest="postgres_url", metavar="URL", help="a server to use, else one is started"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
        parser.add_argument("--results", type=Path, metavar="FOLDER", help="write figures, table and charts there")
        if sections:
            parser.add_argument("--only", nargs="+", choices=sections, help="measure only these")
        given = vars(parser.parse_args(arguments))
        base = cls.quick() if given.pop("quick") else cls()
        given = {name: value for name, value in given.items() if value is not None}
        if "only" in given:
            given["only"] = tuple(given["only"])
        return replace(base, **given)


def _size(text: str) -> int:
    unit = _UNITS.get(text[-1:].upper())
    return int(float(text[:-1]) * unit) if unit else int(text)
