"""Origins as browsers write them, whatever the administrator wrote."""

import pytest

from app.origins import as_origin, is_web_address, origin_of


@pytest.mark.parametrize(
    "url, origin",
    [
        ("https://school.example", "https://school.example"),
        ("HTTPS://School.Example/", "https://school.example"),
        ("https://school.example:443/app?x=1", "https://school.example"),
        ("http://school.example:443", "http://school.example:443"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://schüler.example", "https://xn--schler-5ya.example"),
        ("https://somebody:secret@school.example", "https://school.example"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin
    assert origin_of(origin) == origin
    assert as_origin(origin) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "school.example",
        "school.example:443",
        "//school.example",
        "https://",
        "https:///app",
        "https://school.example:0",
        "https://school.example:port",
        "https://school..example",
        "https://[::1",
        "https://*.school.example",
        "https://" + "x" * 64 + ".example",
    ],
)
def test_what_names_no_host_has_no_origin(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the libraries say of it
        origin_of(text)
    assert not is_web_address(text)


@pytest.mark.parametrize(
    "url",
    ["https://school.example/app", "https://school.example?x", "https://school.example#x", "https://me@s.example"],
)
def test_a_url_with_more_than_an_origin_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="without a path"):
        as_origin(url)
    assert is_web_address(url)


def test_an_app_of_a_phone_is_no_web_address() -> None:
    assert not is_web_address("capacitor://localhost")
