"""What clients are told of errors."""

from typing import Any

import pytest
from graphql import GraphQLError
from structlog.testing import capture_logs

from app import errors
from schema.enums import ErrorCode
from schema.errors import TABLE, Told, human_bytes, tell
from schema.graphql_errors import log_error, plain, settled, to_graphql_error

EXAMPLES: list[tuple[errors.SatchelError, dict[str, Any]]] = [
    (errors.Unauthenticated("expired"), {"reason": "expired"}),
    (errors.Forbidden(), {}),
    (errors.NotFound("file"), {}),
    (errors.BadUserInput("No.", field="name"), {"field": "name"}),
    (errors.BadUserInput("No."), {}),
    (errors.Conflict("Not now."), {}),
    (
        errors.QuotaExceeded(used_bytes=1, trash_bytes=2, quota_bytes=3, requested_bytes=4, source="ROLE_BASED"),
        {"usedBytes": 1, "trashBytes": 2, "quotaBytes": 3, "requestedBytes": 4, "source": "ROLE_BASED"},
    ),
    (
        errors.FileTooLarge(size_bytes=None, max_file_size_bytes=5, source="USER_OVERRIDE"),
        {"sizeBytes": None, "maxFileSizeBytes": 5, "source": "USER_OVERRIDE"},
    ),
    (
        errors.UnsupportedMediaType(mime_type="text/plain", allowed=("image/*",)),
        {"mimeType": "text/plain", "allowed": ["image/*"]},
    ),
    (errors.AttachmentLimit(count=10, limit=10), {"count": 10, "limit": 10}),
    (errors.ChecksumMismatch(expected="a", actual="b"), {"expected": "a", "actual": "b"}),
    (errors.StorageUnavailable("local"), {}),
    (errors.PayloadTooLarge(1024), {"limitBytes": 1024}),
    (errors.RateLimited(7), {"retryAfterSeconds": 7}),
    (errors.RateLimited(1, "End one first."), {"retryAfterSeconds": 1}),
    (errors.QueryTooComplex("Too deep.", bound="depth", limit=20), {"bound": "depth", "limit": 20}),
    (errors.CursorExpired(), {}),
    (errors.SlowConsumer("a cursor"), {"cursor": "a cursor"}),
]


@pytest.mark.parametrize("error, details", EXAMPLES, ids=[f"{n}-{error.code}" for n, (error, _) in enumerate(EXAMPLES)])
def test_a_domain_error_is_told_with_its_code_a_sentence_and_its_figures(
    error: errors.SatchelError, details: dict[str, Any]
) -> None:
    told = tell(error, "request-1")

    assert (told.code, told.details) == (error.code, details)
    assert told.message.endswith(".")
    assert told.message[0].isupper()
    assert ErrorCode(told.code)


def test_a_subclass_without_a_row_is_told_as_its_parent() -> None:
    class Misread(errors.BadUserInput):
        pass

    assert tell(Misread("The part is cut off."), "request-1") == Told("BAD_USER_INPUT", "The part is cut off.", {})


def test_every_code_of_the_table_is_published() -> None:
    assert {kind.code for kind in TABLE} <= {code.value for code in ErrorCode}


def test_the_message_of_a_file_that_is_too_large_says_that_it_exceeds_the_limit() -> None:
    known = errors.FileTooLarge(size_bytes=3 * 1024**2, max_file_size_bytes=2 * 1024**2, source="SYSTEM_DEFAULT")
    unknown = errors.FileTooLarge(size_bytes=None, max_file_size_bytes=1500, source="SYSTEM_DEFAULT")

    assert tell(known, "").message == "The file size of 3 MiB exceeds limit of 2 MiB per file."
    assert tell(unknown, "").message == "The file size exceeds limit of 1.5 KiB per file."


def test_a_full_trash_is_told_apart_from_a_full_quota() -> None:
    full = errors.QuotaExceeded(used_bytes=90, trash_bytes=0, quota_bytes=100, requested_bytes=20, source="ROLE_BASED")
    trash = errors.QuotaExceeded(
        used_bytes=10, trash_bytes=190, quota_bytes=100, requested_bytes=20, source="ROLE_BASED"
    )

    assert "The storage quota has no room" in tell(full, "").message
    assert "trash" in tell(trash, "").message


@pytest.mark.parametrize(
    "size, text", [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536, "1.5 KiB"), (2**53, "8192 TiB")]
)
def test_sizes_are_written_for_people(size: int, text: str) -> None:
    assert human_bytes(size) == text


def test_an_unexpected_error_is_told_by_the_request_id_alone() -> None:
    secret = RuntimeError("SELECT password FROM /var/lib/satchel")
    located = GraphQLError(str(secret), path=["me"], original_error=secret)

    told = to_graphql_error(located, "request-1")

    assert told.extensions == {"code": "INTERNAL_SERVER_ERROR", "requestId": "request-1"}
    assert told.formatted == {
        "message": "Something went wrong on our side.",
        "path": ["me"],
        "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": "request-1"},
    }


def test_an_answer_that_breaks_our_own_schema_is_an_unexpected_error() -> None:
    located = GraphQLError("Expected Iterable, but did not find one.", path=["files"])

    assert to_graphql_error(located, "r").extensions == {"code": "INTERNAL_SERVER_ERROR", "requestId": "r"}


def test_telling_twice_changes_nothing() -> None:
    located = GraphQLError("", path=["file"], original_error=errors.NotFound("file"))
    once = to_graphql_error(located, "request-1")

    assert to_graphql_error(once, "request-2") is once
    assert once.path == ["file"]


def test_an_expected_error_is_one_line_without_its_message() -> None:
    raised = GraphQLError("x", path=["files", 3, "name"], original_error=errors.BadUserInput("hunter2 is too short"))

    with capture_logs() as lines:
        log_error(raised, to_graphql_error(raised, "request-1"), "request-1")

    assert lines == [
        {
            "event": "graphql.error",
            "log_level": "info",
            "code": "BAD_USER_INPUT",
            "error": "BadUserInput",
            "field": "files.name",
            "request_id": "request-1",
        }
    ]


def test_a_long_message_is_cut_before_it_is_looked_through() -> None:
    """Looked through whole, this one takes minutes."""
    quoted = "Int cannot represent " + "but encountered error '" * 40_000
    assert plain(quoted) == "Int cannot represent"
    assert plain(quoted[:100] + "x" * 10_000).startswith("Int cannot represent")
    assert plain("a" * 100_000) == "a" * 500 + " …"


def test_what_led_to_an_error_of_ours_stands_in_the_log_alone() -> None:
    away = errors.StorageUnavailable("local")
    away.__cause__ = OSError(28, "No space left on device")
    raised = GraphQLError("x", original_error=away)
    told = to_graphql_error(raised, "request-1")

    with capture_logs() as lines:
        log_error(raised, told, "request-1")

    assert [line["cause"] for line in lines] == ["OSError: [Errno 28] No space left on device"]
    assert "space" not in str(told.formatted)


@pytest.mark.parametrize(
    "error, level, code",
    [
        (errors.StorageUnavailable("local"), "error", "STORAGE_UNAVAILABLE"),
        (errors.Conflict("No."), "info", "CONFLICT"),
        (RuntimeError("boom"), "error", "INTERNAL_SERVER_ERROR"),
    ],
    ids=["storage", "conflict", "unexpected"],
)
def test_the_level_of_the_line_is_the_error_classes_own(error: Exception, level: str, code: str) -> None:
    raised = GraphQLError("x", original_error=error)

    with capture_logs() as lines:
        log_error(raised, to_graphql_error(raised, "r"), "r")

    assert [(line["log_level"], line["code"]) for line in lines] == [(level, code)]
    assert (lines[0].get("exc_info") is error) == (code == "INTERNAL_SERVER_ERROR")


async def test_one_of_several_results_is_settled_by_itself() -> None:
    async def good() -> int:
        return 1

    async def bad() -> int:
        raise errors.Conflict("Not now.")

    async def worse() -> int:
        raise RuntimeError("boom")

    with capture_logs() as lines:
        results = [await settled(work, "r") for work in (good(), bad(), worse())]

    assert results == [
        1,
        Told("CONFLICT", "Not now.", {}),
        Told("INTERNAL_SERVER_ERROR", "Something went wrong on our side.", {"requestId": "r"}),
    ]
    assert [line["code"] for line in lines] == ["CONFLICT", "INTERNAL_SERVER_ERROR"]
