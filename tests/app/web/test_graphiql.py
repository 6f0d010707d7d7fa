"""The page of GraphiQL and its assets, as they were built."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from app.web.graphiql import DIST, GraphiQL
from app.web.middleware import Errors
from app.web.routing import router
from tests.fixtures.server import ROOT

SCRIPT = b"import './other-1a2b.js';"
EXAMPLES = sorted((DIST.parent / "src" / "examples").glob("*.graphql"))


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    assets = tmp_path / "graphiql"
    assets.mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>GraphiQL</title>")
    (tmp_path / "stamp").write_text("of what it was built from")
    (assets / "index-0f9e.js").write_bytes(SCRIPT)
    (assets / "index-0f9e.js.gz").write_bytes(gzip.compress(SCRIPT))
    (assets / "font-77aa.ttf").write_bytes(b"\0\1")
    return tmp_path


@pytest.fixture
def graphiql(dist: Path) -> GraphiQL:
    built = GraphiQL.built(dist)
    assert built is not None
    return built


@pytest.fixture
async def client(graphiql: GraphiQL) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Errors(router(graphiql.routes())))
    async with httpx.AsyncClient(transport=transport, base_url="http://satchel.example") as client:
        yield client


def test_nothing_is_served_before_it_was_built(tmp_path: Path) -> None:
    assert GraphiQL.built(tmp_path) is None
    (tmp_path / "index.html").write_text("a page whose assets are not there yet")
    assert GraphiQL.built(tmp_path) is None


def test_the_page_takes_scripts_from_here_only_and_is_asked_for_each_time(graphiql: GraphiQL) -> None:
    page = graphiql.page()
    policy = dict(directive.split(" ", 1) for directive in page.headers["content-security-policy"].split("; "))
    assert policy["script-src"] == policy["worker-src"] == policy["connect-src"] == "'self'"
    assert policy["default-src"] == "'none'"
    assert all("http" not in sources and "*" not in sources for sources in policy.values())
    assert page.headers["cache-control"] == "no-cache"
    assert page.body == b"<!doctype html><title>GraphiQL</title>"


async def test_an_asset_is_kept_for_ever_for_its_name_is_that_of_its_content(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphiql/index-0f9e.js", headers={"accept-encoding": "identity"})
    assert (response.status_code, response.content) == (200, SCRIPT)
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-type"].startswith("text/javascript")
    assert "content-encoding" not in response.headers


async def test_whoever_takes_gzip_gets_what_was_packed_when_it_was_built(client: httpx.AsyncClient) -> None:
    packed = await client.get("/graphiql/index-0f9e.js", headers={"accept-encoding": "br, gzip"})
    assert (packed.content, packed.headers["content-encoding"], packed.headers["vary"]) == (
        SCRIPT,
        "gzip",
        "accept-encoding",
    )
    plain = await client.get("/graphiql/font-77aa.ttf", headers={"accept-encoding": "gzip"})
    assert (plain.content, "content-encoding" in plain.headers) == (b"\0\1", False)


@pytest.mark.parametrize("name", ["none.js", "..%2Findex.html", "%2e%2e/stamp", "../stamp", "sub/index-0f9e.js", "."])
async def test_nothing_but_the_assets_is_served(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get(f"/graphiql/{name}")
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")


async def test_assets_are_there_to_be_read(client: httpx.AsyncClient) -> None:
    head = await client.head("/graphiql/index-0f9e.js")
    assert (head.status_code, head.content) == (200, b"")
    assert (await client.post("/graphiql/index-0f9e.js")).status_code == 405


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "schema" / "schema.graphql").read_text())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_a_question_that_the_schema_answers(example: Path, schema: GraphQLSchema) -> None:
    text = example.read_text()
    title = text.splitlines()[0]
    assert title.startswith("# ")
    assert [error.message for error in validate(schema, parse(text))] == []
