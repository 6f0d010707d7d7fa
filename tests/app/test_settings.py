"""Settings: where they come from, what they default to, and the one line that a wrong one costs."""

import stat
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings, SettingsError

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def problem(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    return str(caught.value)


def test_everything_is_optional_when_embedded() -> None:
    settings = Settings.load()
    assert settings.embedded
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.resolved_public_url == "http://127.0.0.1:8000"
    assert settings.resolved_database_url == f"sqlite:///{Path('data').absolute() / 'satchel.sqlite3'}"
    assert settings.resolved_local_storage_path == Path("data/files")
    assert (settings.default_max_file_size_bytes, settings.default_storage_quota_bytes) == (10_485_760, 1_073_741_824)
    assert (settings.signed_url_expires_seconds, settings.signed_url_max_seconds) == (900, 3600)
    assert settings.trash_counts_toward_quota is False
    assert (settings.trash_quota_factor, settings.upload_expires_seconds) == (2, 900)


def test_the_environment_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("PUBLIC_URL", "https://files.example/")
    monkeypatch.setenv("ALLOWED_MIME_TYPES", "image/*, application/pdf,,")
    monkeypatch.setenv("TRASH_COUNTS_TOWARD_QUOTA", "true")
    settings = Settings.load()
    assert settings.port == 9000
    assert settings.resolved_public_url == "https://files.example"
    assert settings.allowed_mime_types == ("image/*", "application/pdf")
    assert settings.trash_counts_toward_quota is True


def test_origins_are_kept_as_browsers_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://School.example/, http://localhost:3000, capacitor://localhost, *")
    settings = Settings.load()
    assert settings.cors_origins == ("https://school.example", "http://localhost:3000", "capacitor://localhost", "*")
    assert settings.page_origins == settings.cors_origins
    monkeypatch.setenv("PUBLIC_URL", "https://files.example:443/satchel")
    assert Settings.load().page_origins == (*settings.cors_origins, "https://files.example")


def test_what_is_empty_is_as_if_it_were_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOCAL_STORAGE_PATH", "DATABASE_URL", "REDIS_URL", "GRAPHQL_IDE", "PERSISTED_QUERIES_FILE"):
        monkeypatch.setenv(name, "")
    assert Settings.load() == Settings()
    assert Settings.load().resolved_local_storage_path == Path("data/files")


def test_they_cannot_be_changed_afterwards() -> None:
    settings = Settings.load()
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 9000  # type: ignore[misc]  # the type checker sees it too


def test_a_variable_of_somebody_else_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTCODE", "x")
    assert Settings.load().port == 8000


@pytest.mark.parametrize(
    "name, value",
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "eight"),
        ("PUBLIC_URL", "files.example"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://files.example:port"),
        ("PUBLIC_URL", "ftp://files.example"),
        ("CORS_ORIGINS", "school.example"),
        ("CORS_ORIGINS", "https://school.example,https://school.example/app"),
        ("CORS_ORIGINS", "https://*.school.example"),
        ("DATABASE_URL", "mysql://localhost/satchel"),
        ("DATABASE_URL", "postgres://localhost/satchel?pgbouncer=true&sslmode=verify-full"),
        ("STORAGE_BACKEND", "tape"),
        ("DEFAULT_MAX_FILE_SIZE_BYTES", "0"),
        ("DEFAULT_MAX_FILE_SIZE_BYTES", "-1"),
        ("DEFAULT_STORAGE_QUOTA_BYTES", "9007199254740992"),
        ("DEFAULT_STORAGE_QUOTA_BYTES", "1.5"),
        ("TOKEN_EXPIRES_SECONDS", "0"),
        ("SIGNED_URL_MAX_SECONDS", "604801"),
        ("TRASH_QUOTA_FACTOR", "-1"),
        ("TRASH_COUNTS_TOWARD_QUOTA", "perhaps"),
        ("LOG_LEVEL", "loud"),
        ("DATABASE_POOL_MAX", "0"),
        ("SECRET_KEY", "x" * 31),
        ("JWT_JWKS_URL", "id.example/keys"),
        ("JWT_JWKS_URL", "file:///etc/keys"),
        ("JWT_JWKS_URL", "https:///keys"),
        ("JWT_JWKS_URL", "https://id.example:port/keys"),
        ("JWT_JWKS_URL", "https://[::1/keys"),
        ("JWT_ISSUER", "x" * 256),
        ("JWT_AUTO_PROVISION", "perhaps"),
    ],
)
def test_a_wrong_value_costs_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    line = problem(monkeypatch, **{name: value})
    assert line.startswith(f"{name}: ")
    assert "\n" not in line


def test_a_secret_stands_in_no_message_and_in_no_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "tell-nobody" not in problem(monkeypatch, SECRET_KEY="tell-nobody")
    assert KEY not in repr(Settings.load(secret_key=KEY))


@pytest.mark.parametrize(
    "variables, named",
    [
        ({"DATABASE_POOL_MIN": "5", "DATABASE_POOL_MAX": "4"}, ("DATABASE_POOL_MIN", "DATABASE_POOL_MAX")),
        ({"SIGNED_URL_EXPIRES_SECONDS": "4000"}, ("SIGNED_URL_EXPIRES_SECONDS", "SIGNED_URL_MAX_SECONDS")),
        ({"DATABASE_URL": "postgres://localhost/satchel"}, ("SECRET_KEY",)),
        ({"JWT_JWKS_URL": "https://id.example/keys"}, ("JWT_ISSUER", "JWT_AUDIENCE")),
        ({"JWT_JWKS_URL": "https://id.example/keys", "JWT_ISSUER": "https://id.example"}, ("JWT_AUDIENCE",)),
        ({"JWT_ISSUER": "https://id.example", "JWT_AUDIENCE": "files"}, ("JWT_JWKS_URL",)),
        ({"JWT_AUTO_PROVISION": "true"}, ("JWT_JWKS_URL",)),
    ],
    ids=["pool", "signed URLs", "secret", "no issuer", "no audience", "no keys", "no provider"],
)
def test_values_that_contradict_each_other_cost_a_line_that_names_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: tuple[str, ...]
) -> None:
    line = problem(monkeypatch, **variables)
    assert all(name in line for name in named)
    assert "\n" not in line


def test_an_identity_provider_is_its_keys_its_issuer_and_an_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().jwt_auto_provision is False
    monkeypatch.setenv("JWT_JWKS_URL", "http://[::1]:8080/keys?for=files")
    monkeypatch.setenv("JWT_ISSUER", "https://id.example")
    monkeypatch.setenv("JWT_AUDIENCE", "files")
    settings = Settings.load(jwt_auto_provision=True)
    assert (settings.jwt_jwks_url, settings.jwt_auto_provision) == ("http://[::1]:8080/keys?for=files", True)


def test_a_database_server_with_a_secret_is_not_embedded() -> None:
    settings = Settings.load(database_url="postgres://localhost/satchel", secret_key=KEY)
    assert not settings.embedded
    assert settings.signing_key() == KEY.encode()
    assert settings.resolved_database_url == "postgres://localhost/satchel"


def test_the_embedded_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "new" / "data")
    key = settings.signing_key()
    file = tmp_path / "new" / "data" / "secret_key"
    assert len(key) >= 32
    assert Settings.load(data_dir=file.parent).signing_key() == key == file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret_key"]


def test_a_given_secret_goes_before_the_embedded_one(tmp_path: Path) -> None:
    assert Settings.load(data_dir=tmp_path, secret_key=KEY).signing_key() == KEY.encode()
    assert list(tmp_path.iterdir()) == []


def test_starts_at_the_same_moment_share_one_secret(tmp_path: Path) -> None:
    barrier = threading.Barrier(4)
    keys: list[bytes] = []
    settings = Settings.load(data_dir=tmp_path)

    def start() -> None:
        barrier.wait()
        keys.append(settings.signing_key())

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 4
    assert len(set(keys)) == 1


def test_a_damaged_embedded_secret_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")
    with pytest.raises(SettingsError, match=r"^SECRET_KEY: secret_key in DATA_DIR holds less than 32 bytes$"):
        Settings.load(data_dir=tmp_path).signing_key()


def test_redis_makes_it_a_deployment_of_several_processes_which_needs_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problem(monkeypatch, REDIS_URL="redis://127.0.0.1:6379/0").startswith("SECRET_KEY is required with")
    monkeypatch.setenv("SECRET_KEY", KEY)
    assert not Settings.load().embedded


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://127.0.0.1:6379", "redis:6379", "redis://127.0.0.1:port/0"])
def test_a_redis_url_is_one(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert problem(monkeypatch, REDIS_URL=url) == "REDIS_URL: use redis://HOST:PORT/NUMBER, rediss://… or unix://…"


@pytest.mark.requirement("R26")
@pytest.mark.parametrize("zone", ["", "Mars/Base", "Europe", "../../etc/passwd", "+02:00"])
def test_a_schedule_needs_a_zone_that_exists(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    expected = "SCHEDULE_TIMEZONE: use a name such as UTC or Europe/Berlin"
    assert problem(monkeypatch, SCHEDULE_TIMEZONE=zone) == expected


@pytest.mark.requirement("R50")
@pytest.mark.parametrize("url", ["alerts.example", "ftp://alerts.example/hook", "https:///hook", "http://host:port/"])
def test_a_webhook_is_an_address_that_can_be_posted_to(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert problem(monkeypatch, ALERT_WEBHOOK_URL=url) == "ALERT_WEBHOOK_URL: use https://HOST/PATH"


@pytest.mark.requirement("R50")
def test_the_address_of_a_webhook_is_a_secret_and_its_format_one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().alert_webhook_url.get_secret_value() == ""
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "https://alerts.example/a-secret-path")
    settings = Settings.load(alert_webhook_format="alertmanager")
    assert settings.alert_webhook_url.get_secret_value() == "https://alerts.example/a-secret-path"
    assert "a-secret-path" not in repr(settings)
    assert problem(monkeypatch, ALERT_WEBHOOK_FORMAT="pager").startswith("ALERT_WEBHOOK_FORMAT: ")
