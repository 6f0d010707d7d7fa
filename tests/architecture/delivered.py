"""What `delivered.toml` says."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PATH = Path(__file__).with_name("delivered.toml")


@dataclass(frozen=True)
class Delivered:
    """The requirements and the parts of the contract that have been delivered."""

    requirements: tuple[str, ...]
    root_fields: frozenset[tuple[str, str]]  # (root type, field)
    later: frozenset[tuple[str, str]]  # (type, field)

    @classmethod
    def load(cls) -> Self:
        """Read the file."""
        content = tomllib.loads(PATH.read_text())
        return cls(
            requirements=tuple(content["requirements"]),
            root_fields=_pairs(content["root_fields"]),
            later=_pairs(content.get("later", {})),
        )


def _pairs(table: dict[str, list[str]]) -> frozenset[tuple[str, str]]:
    return frozenset((name, field) for name, fields in table.items() for field in fields)
