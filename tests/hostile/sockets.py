"""Frames of a WebSocket, and the code that the server closes it with (graphql-transport-ws, RFC 6455 section 7.4)."""

import json
from dataclasses import dataclass, field

from tests.hostile.cases import STUDENT

INIT = json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {STUDENT}"}})


def _subscribe(query: object, id_: object = "1", **more: object) -> str:
    return json.dumps({"type": "subscribe", "id": id_, "payload": {"query": query, **more}})


@dataclass(frozen=True)
class Frames:
    """What is sent after the handshake, and how the server ends it."""

    what: str
    closed: int
    frames: list[str | bytes] = field(default_factory=list)


_WATCH = "subscription { quotaChanged { at } }"

CASES = [
    Frames("a list", 4400, ["[]"]),
    Frames("a number", 4400, ["5"]),
    Frames("null", 4400, ["null"]),
    Frames("a text", 4400, ['"connection_init"']),
    Frames("no JSON", 4400, ["{"]),
    Frames("nothing", 4400, [""]),
    Frames("brackets without end", 4400, ["[" * 100_000]),
    Frames("bytes", 4400, [b"\x00\xff"]),
    Frames("JSON in bytes", 4400, [INIT.encode()]),
    Frames("no type", 4400, ["{}"]),
    Frames("a type that is none", 4400, ['{"type": "destroy"}']),
    Frames("a type that is a list", 4400, ['{"type": []}']),
    Frames("a type of the old protocol", 4400, ['{"type": "start", "id": "1", "payload": {}}']),
    Frames("a payload that is a list", 4400, ['{"type": "connection_init", "payload": []}']),
    Frames("a token that is none", 4403, ['{"type": "connection_init", "payload": {"Authorization": "Bearer x"}}']),
    Frames("an operation without a greeting", 4401, [_subscribe("{ me { id } }")]),
    Frames("two greetings", 4429, [INIT, INIT]),
    Frames("an operation without an id", 4400, [INIT, '{"type": "subscribe", "payload": {"query": "{ me { id } }"}}']),
    Frames("an id that is a number", 4400, [INIT, _subscribe("{ me { id } }", 5)]),
    Frames("an operation without a payload", 4400, [INIT, '{"type": "subscribe", "id": "1"}']),
    Frames("a query that is a number", 4400, [INIT, _subscribe(5)]),
    Frames("variables that are a list", 4400, [INIT, _subscribe("{ me { id } }", variables=[])]),
    Frames("one id twice", 4409, [INIT, _subscribe(_WATCH), _subscribe(_WATCH)]),
    Frames("a mebibyte and more", 1009, [INIT, _subscribe("{ me { id } } #" + "x" * 1_100_000)]),
]
