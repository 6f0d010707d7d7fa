"""The log's form: JSON for machines, text for people, everything in one stream."""

import io
import json
import logging
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from app.telemetry.logs import BoundOnce, bind_request, configure_logging, request_id
from tests.fixtures.logs import LogLines


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def write(stream: io.StringIO, level: str = "info", **options: Any) -> str:
    """What a line looks like in this stream."""
    configure_logging(level, stream, **options)
    structlog.get_logger("satchel.test").info("something.happened", size_bytes=5)
    return stream.getvalue()


# The fixture restores the log's configuration after each test.
pytestmark = pytest.mark.usefixtures("log_lines")


def test_a_line_is_json_outside_a_terminal() -> None:
    line = json.loads(write(io.StringIO()))
    assert (line["event"], line["size_bytes"], line["level"]) == ("something.happened", 5, "info")
    assert (line["logger"], line["time"][-1]) == ("satchel.test", "Z")


def test_a_line_is_readable_in_a_terminal() -> None:
    text = write(Terminal())
    assert "something.happened" in text
    assert not text.startswith("{")
    assert "\x1b[" in text


def test_the_form_can_be_chosen() -> None:
    assert json.loads(write(Terminal(), as_json=True))["event"] == "something.happened"
    text = write(io.StringIO(), as_json=False)
    assert "something.happened" in text
    assert "\x1b[" not in text


def test_less_than_the_level_is_not_written() -> None:
    assert write(io.StringIO(), level="warning") == ""


def test_the_last_configuration_counts() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logging("info", first)
    write(second)
    assert first.getvalue() == ""
    assert second.getvalue().count("\n") == 1


def test_a_logger_that_is_bound_once_follows_every_configuration() -> None:
    log = BoundOnce("satchel.test")
    first, second = io.StringIO(), io.StringIO()
    configure_logging("info", first)
    log.logger.info("one")
    assert log.logger is log.logger
    with capture_logs() as captured:
        log.logger.info("two")
    configure_logging("warning", second)
    log.logger.info("three")
    log.logger.warning("four")
    assert [json.loads(line)["event"] for line in first.getvalue().splitlines()] == ["one"]
    assert [json.loads(line)["event"] for line in second.getvalue().splitlines()] == ["four"]
    assert [line["event"] for line in captured] == ["two"]


def test_lines_of_libraries_have_the_same_form_and_the_requests_id(log_lines: LogLines) -> None:
    bind_request("id-7")
    logging.getLogger("some.library").warning("it is %s", "odd", extra={"attempt": 3})
    structlog.get_logger("satchel.test").info("ours")
    library, ours = log_lines()
    assert (library["event"], library["level"], library["logger"]) == ("it is odd", "warning", "some.library")
    assert library["attempt"] == 3
    assert library["request_id"] == ours["request_id"] == request_id() == "id-7"
    structlog.contextvars.clear_contextvars()
    assert request_id() is None


def test_an_exception_is_one_line_without_local_variables(log_lines: LogLines) -> None:
    def fail(password: str) -> None:
        raise ValueError(len(password))

    try:
        fail("hunter2")
    except ValueError:
        structlog.get_logger("satchel.test").exception("went.wrong")
    (line,) = log_lines()
    assert line["exception"].endswith("ValueError: 7")
    assert "hunter2" not in str({key: value for key, value in line.items() if key != "exception"})
    assert "password =" not in line["exception"]


@pytest.mark.parametrize("value", ["\ud800", 2**70, object(), {1: 2}, b"\xff", {"a"}, float("nan")])
def test_no_value_is_too_odd_for_a_line(log_lines: LogLines, value: object) -> None:
    structlog.get_logger("satchel.test").info("odd", value=value)
    (line,) = log_lines()
    assert line["event"] == "odd"
    assert "value" in line


def test_the_servers_own_access_log_is_silent(log_lines: LogLines) -> None:
    logging.getLogger("uvicorn.access").info("GET /files/secret")
    logging.getLogger("uvicorn.error").info("Started")
    assert [line["event"] for line in log_lines()] == ["Started"]
