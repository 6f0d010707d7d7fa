"""Reads a Dockerfile, as far as ours goes: instructions, one after the other, in stages."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_STAGE = re.compile(r"(?P<image>\S+)(?:\s+AS\s+(?P<name>\S+))?")


@dataclass(frozen=True)
class Instruction:
    """A keyword in upper case, its --flags, and the rest."""

    keyword: str
    flags: dict[str, str]
    rest: str

    @property
    def listed(self) -> list[str] | None:
        """The words of the exec form; None for the shell form."""
        found = self.rest.removeprefix("CMD ") if self.keyword == "HEALTHCHECK" else self.rest
        return [str(word) for word in json.loads(found)] if found.startswith("[") else None

    @property
    def words(self) -> list[str]:
        """The words of an instruction that has no exec form."""
        return self.rest.split()


@dataclass
class Stage:
    """From one FROM to the next."""

    image: str
    name: str | None
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, keyword: str) -> list[Instruction]:
        """Its instructions of one kind, in order."""
        return [instruction for instruction in self.instructions if instruction.keyword == keyword]

    def one(self, keyword: str) -> Instruction:
        """Its only instruction of one kind."""
        (only,) = self.all(keyword)
        return only


def stages(text: str) -> Sequence[Stage]:
    """The stages of a Dockerfile. Raises ValueError for an instruction before the first FROM."""
    found: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.keyword == "FROM":
            match = _STAGE.fullmatch(instruction.rest)
            assert match, instruction
            found.append(Stage(match["image"], match["name"]))
        elif found:
            found[-1].instructions.append(instruction)
        else:
            raise ValueError(f"{instruction.keyword} before FROM")
    return found


def _instructions(text: str) -> list[Instruction]:
    kept = "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    found = []
    for line in re.sub(r"\\\n\s*", "", kept).splitlines():
        keyword, _, rest = line.strip().partition(" ")
        flags = {}
        while match := re.match(r"--([\w-]+)=(\S+)\s+", rest):
            flags[match[1]] = match[2]
            rest = rest[match.end() :]
        found.append(Instruction(keyword.upper(), flags, rest.strip()))
    return found
