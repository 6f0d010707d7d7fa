"""Names that are Strawberry's: those of fields and arguments in GraphQL, each made once, and the key of its own notes."""

from strawberry.schema.name_converter import NameConverter

DEFINITION = "strawberry-definition"  # where it notes what a type or a field was made from


class Names(NameConverter):
    """Strawberry asks for the name of every field of an input, and makes it anew from Python's, with each request."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, str] = {}  # as many as the code has names

    def apply_naming_config(self, name: str) -> str:
        """For example `sizeBytes` for size_bytes."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = super().apply_naming_config(name)
        return made
