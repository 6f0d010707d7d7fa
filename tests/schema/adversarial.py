"""Kilobytes that are meant to cost seconds: documents of about 1,000 characters at most, and the bound that each of them meets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Adversary:
    """A document. `bound` is the one it is refused for; without one it is refused for another reason, `code`."""

    name: str
    document: str
    bound: str | None = None
    code: str = "QUERY_TOO_COMPLEX"


def _chain(fragments: int, spreads: int, inner: str = "id") -> str:
    """Fragments of which each spreads the next one `spreads` times: fields to the power of `fragments`."""
    links = [f"fragment F{n} on User{{{f'...F{n + 1} ' * spreads}}}" for n in range(fragments)]
    return "{me{...F0}}" + "".join(links) + f"fragment F{fragments} on User{{{inner}}}"


def _nested(field: str, times: int, inner: str) -> str:
    return f"{field}{{" * times + inner + "}" * times


def _repeated(text: str, times: int) -> str:
    return " ".join(text.format(n=n) for n in range(times))


ADVERSARIES = [
    Adversary(
        "a field inside itself",
        "{me{memberships{" + _nested("user{memberships", 30, "role") + "}" * 30 + "}}}",
        "depth",
    ),
    Adversary("inline fragments inside each other", "{me{" + _nested("... ", 130, "id") + "}}", "depth"),
    Adversary("as deep as the parser goes", "{" * 1_200, code="GRAPHQL_PARSE_FAILED"),
    Adversary("deeper than the parser goes", "{a" * 400 + "}" * 400, code="GRAPHQL_PARSE_FAILED"),
    Adversary("aliases", "{" + _repeated("a{n}:me{{id}}", 101) + "}", "aliases"),
    Adversary("aliases of one leaf", "{me{" + _repeated("a{n}:id", 140) + "}}", "aliases"),
    Adversary("fragments that double", _chain(30, 2), "fields"),
    Adversary("fragments that double, with little in them", _chain(9, 2), "spreads"),
    Adversary("fragments that multiply by ten", _chain(12, 10), "fields"),
    Adversary(
        "a fragment spread by every field",
        "{" + _repeated("me{{...F}}", 80) + "}fragment F on User{" + "id " * 13 + "}",
        "fields",
    ),
    Adversary("a leaf, 300 times", "{me{" + "id " * 300 + "}}", "comparisons"),
    Adversary("an object, 150 times", "{" + "me{id}" * 150 + "}", "comparisons"),
    Adversary(
        "overlapping fragments",
        "{me{"
        + _repeated("...F{n}", 26)
        + "}}"
        + "".join(f"fragment F{n} on User{{id id id id id id}}" for n in range(26)),
        "comparisons",
    ),
    Adversary("directives that nobody knows", "{me{id" + "@a" * 500 + "}}", "directives"),
    Adversary("directives of the operation", "query" + "@a" * 500 + "{me{id}}", "directives"),
    Adversary("directives of a variable", "query($a:Int" + "@a" * 500 + "){me{id}}", "directives"),
    Adversary("directives of a fragment", "{me{...F}}fragment F on User" + "@a" * 500 + "{id}", "directives"),
    Adversary("variables", "query(" + _repeated("$a{n}:Int", 101) + "){me{id}}", "variables"),
    Adversary("operations", _repeated("query A{n}{{me{{id}}}}", 51), "operations"),
    Adversary("fragments", "{me{id}}" + _repeated("fragment F{n} on A{{b}}", 101), "fragments"),
    Adversary("pages in pages", "{groups(first:100){nodes{members(first:100){nodes{user{id name email}}}}}}", "values"),
    Adversary(
        "pages in pages in pages",
        "{groups{nodes{children{nodes{classes{nodes{members{nodes{user{id}}}}}}}}}}",
        "values",
    ),
    Adversary(
        "a page of a thousand million",
        "{users(first:" + "9" * 9 + "){nodes{files(first:100){nodes{id name uuid sha256 status}}}}}",
        "values",
    ),
    Adversary(
        "the schema, many times",
        "{" + _repeated("a{n}:__schema{{...F}}", 45) + "}fragment F on __Schema{types{fields{args{name description}}}}",
        "values",
    ),
    Adversary(
        "the schema's fields' types' fields",
        "{__schema{types{" + _nested("fields{type", 6, "name") + "}" * 6 + "}}}",
        "values",
    ),
    Adversary(
        "a fragment that contains itself", "{me{...F}}fragment F on User{id ...F}", code="GRAPHQL_VALIDATION_FAILED"
    ),
    Adversary(
        "fragments that contain each other, doubling",
        "{me{...A}}fragment A on User{"
        + "memberships{user{...B ...A}}" * 15
        + "}fragment B on User{"
        + "memberships{user{...A ...B}}" * 15
        + "}",
        code="GRAPHQL_VALIDATION_FAILED",
    ),
    Adversary("unused fragments that overlap", "{me{id}}fragment F on User{" + "id " * 300 + "}", "comparisons"),
    Adversary("lists in lists", "{file(id:" + "[" * 500 + "]" * 500 + "){id}}", code="GRAPHQL_PARSE_FAILED"),
    Adversary(
        "objects in objects",
        "{files(filter:" + "{a:" * 190 + "1" + "}" * 190 + "){nodes{id}}}",
        code="GRAPHQL_VALIDATION_FAILED",
    ),
    Adversary("types in types", "query($a:" + "[" * 500 + "Int" + "]" * 500 + "){me{id}}", code="GRAPHQL_PARSE_FAILED"),
    Adversary("names that nearly exist", "{" + _repeated("fils{n}", 150) + "}", code="GRAPHQL_VALIDATION_FAILED"),
    Adversary(
        "arguments that nearly exist",
        "{files(" + _repeated("fist{n}:1", 100) + "){nodes{id}}}",
        code="GRAPHQL_VALIDATION_FAILED",
    ),
    Adversary("a name without end", "{" + "a" * 1_200 + "}", code="GRAPHQL_VALIDATION_FAILED"),
    Adversary("comments", "#\n" * 600, code="GRAPHQL_PARSE_FAILED"),
    Adversary("tokens", "{" + "a," * 5_000 + "}", "tokens"),
]
