"""The README's snippets for JavaScript, pasted one after the other into a program."""

from tests.clients.readme import javascript
from tests.fixtures.app import Satchel
from tests.fixtures.node import Node
from tests.fixtures.watching import subscribed

# Node has a WebSocket from version 22.
_BEFORE = "import { WebSocket as Socket } from 'ws'; globalThis.WebSocket ??= Socket;"
_AFTER = """
const say = (value) => console.log(JSON.stringify(value));
const told = [];
for (const size of [3, 5, %(too_large)d]) told.push(await upload(new File(['x'.repeat(size)], `${size} bytes.txt`)));
const listed = await listFiles(1);
say({ told, listed: listed.map(({ name }) => name) });
watchFiles(say, say);
"""
_TOO_LARGE = 10 * 1024 * 1024 + 1


async def test_the_snippets_upload_explain_a_refusal_list_and_watch(node: Node, embedded: Satchel) -> None:
    source = "\n".join([_BEFORE, *javascript(), _AFTER % {"too_large": _TOO_LARGE}])
    source = source.replace("//127.0.0.1:8000/", f"//{embedded.client.base_url.netloc.decode()}/")
    source = source.replace("'…'", f"'{embedded.people['student'].token}'")

    async with node.evaluating(source) as program:
        said = await program.says(60)
        await subscribed(embedded, 1)
        await embedded.file(name="watched.txt")
        event = await program.says()

    assert said["told"] == [
        "3 bytes.txt is stored",
        "5 bytes.txt is stored",
        f"{_TOO_LARGE} bytes.txt has more than {_TOO_LARGE - 1} bytes",
    ]
    assert said["listed"] == ["3 bytes.txt", "5 bytes.txt"]
    assert (event["type"], event["name"], event["file"]["sizeBytes"]) == ("UPLOADED", "watched.txt", len(b"hello"))
