"""Global ids, and the two forms of id arguments."""

import base64
from uuid import UUID, uuid4

import pytest

from app.errors import BadUserInput, NotFound
from schema.ids import global_id, optional_uuid_of, parse_global_id, uuid_of

ID = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


GARBAGE = [
    "",
    " ",
    "x",
    "File",
    str(ID)[:-1],
    str(ID).replace("-", ""),
    f"{{{ID}}}",
    f"urn:uuid:{ID}",
    f" {ID}",
    "é" * 10,
    "=" * 50,
    _encoded("File"),
    _encoded("File:"),
    _encoded(f":{ID}"),
    _encoded(f"Fi le:{ID}"),
    _encoded("File:1"),
    _encoded(f"File:{ID}x"),
    _encoded(f"File:{ID}") + "=",
    _encoded(f"File:{ID}") + "\n",
    base64.b64encode(b"File:\xff").decode(),
    "A" * 100_000,
]


def test_a_global_id_leads_back_to_its_type_and_uuid() -> None:
    identifier = uuid4()

    assert parse_global_id(global_id("File", identifier)) == ("File", identifier)


def test_an_id_argument_takes_the_global_id_and_the_bare_uuid() -> None:
    assert uuid_of(global_id("File", ID), "File") == ID
    assert uuid_of(str(ID), "File") == ID
    assert uuid_of(str(ID).upper(), "File") == ID
    assert uuid_of(global_id("Group", ID), "User", "Group") == ID


@pytest.mark.parametrize("value", GARBAGE, ids=repr)
def test_garbage_is_bad_user_input_that_names_the_field(value: str) -> None:
    with pytest.raises(BadUserInput) as refusal:
        uuid_of(value, "File", field="fileId")
    assert refusal.value.field == "fileId"

    with pytest.raises(BadUserInput):
        parse_global_id(value)


def test_the_id_of_another_type_is_not_found() -> None:
    with pytest.raises(NotFound):
        uuid_of(global_id("User", ID), "File")


def test_node_ids_are_global_ids_only() -> None:
    with pytest.raises(BadUserInput):
        parse_global_id(str(ID))


def test_null_stays_null() -> None:
    assert optional_uuid_of(None, "Group", field="groupId") is None
    assert optional_uuid_of(str(ID), "Group", field="groupId") == ID
