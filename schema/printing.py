"""`python -m schema.printing` writes the schema's text beside this file; a test holds that it is the checked-in one."""

from pathlib import Path

from schema.schema import SatchelSchema

PATH = Path(__file__).with_name("schema.graphql")

_HEAD = "# Made by `python -m schema.printing`: change the code, not this file.\n\n"


def printed() -> str:
    """The schema in the schema definition language."""
    return _HEAD + SatchelSchema().as_str() + "\n"


if __name__ == "__main__":
    PATH.write_text(printed(), encoding="utf-8")
