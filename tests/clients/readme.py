"""What the README shows to people who write clients."""

import re

from tests.fixtures.server import ROOT

_README = (ROOT / "README.md").read_text()
_JAVASCRIPT = _README.partition("## Using it from JavaScript")[2].partition("\n## ")[0]


def blocks(language: str, text: str = _README) -> list[str]:
    """The blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def javascript() -> list[str]:
    """The snippets for JavaScript, in their order."""
    return blocks("js", _JAVASCRIPT)


def documents() -> list[str]:
    """Every GraphQL document, those in snippets included."""
    return blocks("graphql") + re.findall(r"(?:gql|/\* GraphQL \*/ )`(.*?)`", "".join(javascript()), re.DOTALL)


def scalars() -> dict[str, str]:
    """The TypeScript types of the schema's scalars."""
    found = re.search(r"`scalars: \{(.*?)\}`", _JAVASCRIPT)
    assert found
    return dict(re.findall(r"(\w+): '([\w.]+)'", found[1]))
