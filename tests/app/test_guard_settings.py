"""The settings about hostile, greedy and slow clients."""

import pytest

from app.guard_settings import GuardSettings
from app.settings import Settings, SettingsError

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_schema_and_graphiql_are_shown_where_one_person_tries_things_out() -> None:
    embedded = Settings.load()
    served = Settings.load(redis_url="redis://127.0.0.1:1", secret_key=SECRET)

    assert (embedded.shows_ide, embedded.allows_introspection) == (True, True)
    assert (served.shows_ide, served.allows_introspection) == (False, False)


@pytest.mark.parametrize("name", ["GRAPHQL_IDE", "GRAPHQL_INTROSPECTION"])
def test_an_explicit_switch_wins_and_an_empty_one_is_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    shown = {"GRAPHQL_IDE": "shows_ide", "GRAPHQL_INTROSPECTION": "allows_introspection"}[name]
    monkeypatch.setenv(name, "false")
    assert getattr(Settings.load(), shown) is False
    monkeypatch.setenv(name, "")
    assert getattr(Settings.load(), shown) is True
    monkeypatch.setenv(name, "true")
    assert getattr(Settings.load(redis_url="redis://127.0.0.1:1", secret_key=SECRET), shown) is True


@pytest.mark.parametrize(
    "name, value",
    [
        ("GRAPHQL_IDE", "perhaps"),
        ("QUERY_MAX_DEPTH", "4"),
        ("QUERY_MAX_DEPTH", "101"),
        ("QUERY_MAX_VALUES", "0"),
        ("PERSISTED_QUERIES", "some"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("RATE_LIMIT_OPERATIONS", "10"),
        ("RATE_LIMIT_OPERATIONS", "0/minute"),
        ("RATE_LIMIT_OPERATIONS", "10/fortnight"),
        ("RATE_LIMIT_LOGIN_ACCOUNT", "ten/minute"),
        ("UPLOADS_AT_ONCE", "-1"),
        ("REQUEST_HEAD_SECONDS", "0"),
        ("REQUEST_MIN_BYTES_PER_SECOND", "-1"),
        ("RESPONSE_IDLE_SECONDS", "121"),
        ("KEEP_ALIVE_SECONDS", "0"),
    ],
)
def test_a_wrong_value_costs_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        Settings.load()

    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


def test_only_registered_documents_need_a_file_of_them() -> None:
    with pytest.raises(SettingsError, match="PERSISTED_QUERIES_FILE is required"):
        Settings.load(persisted_queries="only")


def test_lists_are_separated_by_commas_and_rates_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::1")
    monkeypatch.setenv("RATE_LIMIT_UPLOADS", "")
    settings = Settings.load()

    assert settings.trusted_proxies == ("10.0.0.0/8", "2001:db8::1")
    assert settings.rate_limit_uploads == ""
    assert Settings.load(trusted_proxies="*").trusted_proxies == ("*",)
    assert set(GuardSettings.model_fields) < set(Settings.model_fields)
