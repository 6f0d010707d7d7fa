"""The Compose files: their form, and that every command, variable, port and file in them exists. No Docker is needed for this."""

import re
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from app.cli import main
from app.settings import Settings
from tests.architecture.sources import ROOT
from tests.containers.compose_schema import COMPOSE

pytestmark = pytest.mark.requirement("R40")

FILES = ["docker-compose.yml", "docker-compose.test.yml"]
TEXTS = {name: (ROOT / name).read_text() for name in FILES}
COMPOSED: dict[str, dict[str, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
SERVICES: dict[str, dict[str, Any]] = COMPOSED["docker-compose.yml"]["services"]
TEST_SERVICES: dict[str, dict[str, Any]] = COMPOSED["docker-compose.test.yml"]["services"]
OURS = ["serve", "worker", "scheduler"]
SERVERS = ["postgres", "redis", "minio", "bucket"]

_PINNED = re.compile(r"[\w./-]+:(?!latest)[\w.-]+\d[\w.-]*@sha256:[0-9a-f]{64}")
_VARIABLE = re.compile(r"\$\{(\w+)(:[?-][^}]*)?\}")
EVERY_SERVICE = [
    pytest.param(name, service, id=f"{file}-{name}")
    for file, composed in COMPOSED.items()
    for name, service in composed["services"].items()
]


def settings_of(service: dict[str, Any]) -> dict[str, str]:
    """The environment of one of our processes, with every `${VARIABLE}` given or left at its default."""
    return {
        name: _VARIABLE.sub(lambda match: (match[2] or "")[2:] or "a value of more than thirty-two bytes", value)
        for name, value in service["environment"].items()
    }


@pytest.mark.parametrize("file", FILES)
class TestEveryFile:
    def test_keeps_to_the_specification(self, file: str) -> None:
        jsonschema.Draft202012Validator(COMPOSE).validate(COMPOSED[file])

    def test_refers_to_what_it_has(self, file: str) -> None:
        composed = COMPOSED[file]
        for service in composed["services"].values():
            for volume in service.get("volumes", []):
                source = volume.partition(":")[0]
                assert (ROOT / source).is_file() if source.startswith(".") else source in composed["volumes"]
            assert all(config["source"] in composed["configs"] for config in service.get("configs", []))

    def test_waits_for_what_can_be_waited_for(self, file: str) -> None:
        services = COMPOSED[file]["services"]
        for service in services.values():
            for name, need in service.get("depends_on", {}).items():
                if need["condition"] == "service_healthy":
                    assert "healthcheck" in services[name]
                else:
                    assert services[name].get("restart") is None, "what is started again never completes"


@pytest.mark.parametrize("name, service", EVERY_SERVICE)
def test_every_image_is_pinned_but_the_one_that_is_built_here(name: str, service: dict[str, Any]) -> None:
    if name in OURS:
        # Three services that build one tag at the same time get into each other's way.
        assert (service["image"], service.get("build")) == ("satchel:latest", "." if name == "serve" else None)
    else:
        assert _PINNED.fullmatch(service["image"])


def test_both_files_stand_on_the_same_servers() -> None:
    assert [TEST_SERVICES[name]["image"] for name in SERVERS] == [SERVICES[name]["image"] for name in SERVERS]


@pytest.mark.parametrize("name", OURS)
class TestEveryProcess:
    def test_runs_a_command_that_exists(self, name: str) -> None:
        assert SERVICES[name]["command"] == [name]
        assert name in main.commands

    def test_is_configured_by_settings_that_exist_and_fit_together(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = settings_of(SERVICES[name])
        assert set(given) <= {field.upper() for field in Settings.model_fields}
        for variable, value in given.items():
            monkeypatch.setenv(variable, value)
        settings = Settings.load()
        assert not settings.embedded
        assert settings.storage_backend == "s3"

    def test_talks_to_servers_of_this_network(self, name: str) -> None:
        given = settings_of(SERVICES[name])
        hosts = [urlsplit(given[variable]).hostname for variable in ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT")]
        assert hosts == ["postgres", "redis", "minio"]
        assert set(SERVICES[name]["depends_on"]) == {"postgres", "redis", "bucket"}

    def test_may_do_as_little_as_possible(self, name: str) -> None:
        service = SERVICES[name]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True

    def test_is_given_the_time_that_it_takes_to_stop(self, name: str) -> None:
        seconds = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert seconds > Settings.model_fields["shutdown_grace_seconds"].default


@pytest.mark.parametrize("name", ["worker", "scheduler"])
def test_a_process_without_a_server_is_asked_where_it_shows_its_metrics(name: str) -> None:
    command = SERVICES[name]["healthcheck"]["test"]
    assert command[:5] == ["CMD", "python", "-m", "app", "health"]
    assert command[5:] == ["--port", SERVICES[name]["environment"]["METRICS_PORT"]]
    assert CliRunner().invoke(main, [*command[4:], "--help"]).exit_code == 0


def test_prometheus_scrapes_every_process_and_knows_the_alert_rules() -> None:
    configuration = yaml.safe_load(COMPOSED["docker-compose.yml"]["configs"]["prometheus"]["content"])
    targets = {
        (name, discovery["port"])
        for job in configuration["scrape_configs"]
        for discovery in job["dns_sd_configs"]
        for name in discovery["names"]
    }
    served = Settings.model_fields["port"].default
    shown = int(SERVICES["worker"]["environment"]["METRICS_PORT"])
    assert targets == {("serve", served), ("worker", shown), ("scheduler", shown)}
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in SERVICES["prometheus"]["volumes"]}
    assert [mounted[file] for file in configuration["rule_files"]] == ["./app/telemetry/alerts.yml"]


def test_every_variable_that_must_be_given_is_made_by_the_lines_at_the_top() -> None:
    text = TEXTS["docker-compose.yml"]
    required = {match[1] for match in _VARIABLE.finditer(text) if (match[2] or "").startswith(":?")}
    printed = next(line for line in text.splitlines() if "printf" in line)
    assert {name for name in required if f"{name}=%s" not in printed} == set()


def test_make_test_compose_points_the_suite_at_these_servers() -> None:
    makefile = (ROOT / "Makefile").read_text()
    given = dict(re.findall(r"\b(TEST_\w+)=(\S+)", makefile))
    fixtures = "".join(path.read_text() for path in (ROOT / "tests" / "fixtures").glob("*.py"))
    assert all(f'"{name}"' in fixtures for name in given)

    ports = {
        name: int(service["ports"][0].split(":")[1]) for name, service in TEST_SERVICES.items() if "ports" in service
    }
    urls = {name: urlsplit(given[f"TEST_{name}"]) for name in ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT")}
    assert [url.port for url in urls.values()] == [ports["postgres"], ports["redis"], ports["minio"]]
    account = TEST_SERVICES["postgres"]["environment"]
    assert (urls["DATABASE_URL"].username, urls["DATABASE_URL"].password) == (
        account["POSTGRES_USER"],
        account["POSTGRES_PASSWORD"],
    )
    keys = TEST_SERVICES["minio"]["environment"]
    assert given["TEST_S3_ACCESS_KEY_ID"] == keys["MINIO_ROOT_USER"]
    assert given["TEST_S3_SECRET_ACCESS_KEY"] == keys["MINIO_ROOT_PASSWORD"]
    bucket = urlsplit(TEST_SERVICES["bucket"]["environment"]["MC_HOST_store"])
    assert (bucket.username, bucket.password) == (keys["MINIO_ROOT_USER"], keys["MINIO_ROOT_PASSWORD"])
