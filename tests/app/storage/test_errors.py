"""The words for what the operating system says, and what is told about it (R13)."""

import errno
import os

import pytest

from app.storage.errors import Denied, InvalidKey, Reason, StorageError, Unavailable
from app.storage.local_errors import translate, translated

pytestmark = pytest.mark.requirement("R13")


@pytest.mark.parametrize(
    "number, reason",
    [
        (errno.ENOSPC, Reason.FULL),
        (errno.EDQUOT, Reason.FULL),
        (errno.EFBIG, Reason.FULL),
        (errno.EROFS, Reason.READ_ONLY),
        (errno.EIO, Reason.FAILED),
        (errno.ENOTDIR, Reason.FAILED),
        (errno.ENOENT, Reason.FAILED),
        (errno.ESTALE, Reason.FAILED),
        (errno.EMFILE, Reason.FAILED),
        (errno.ENODEV, Reason.FAILED),
        (None, Reason.FAILED),
    ],
)
def test_what_may_pass_is_unavailable(number: int | None, reason: Reason) -> None:
    cause = OSError(number, "text") if number else OSError("text")
    error = translate(cause, "a key")
    assert isinstance(error, Unavailable)
    assert (error.reason, error.key, error.retryable, error.__cause__) == (reason, "a key", True, cause)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.ELOOP])
def test_what_will_not_pass_by_itself_is_denied(number: int) -> None:
    error = translate(OSError(number, os.strerror(number)))
    assert isinstance(error, Denied)
    assert not error.retryable


def test_the_cause_is_chained_and_other_errors_pass() -> None:
    cause = OSError(errno.EIO, "Input/output error", "/secret/path")
    with pytest.raises(Unavailable) as raised, translated("key"):
        raise cause
    assert raised.value.__cause__ is cause
    assert "/secret/path" not in str(raised.value)
    with pytest.raises(InvalidKey), translated("key"):
        raise InvalidKey("other")


def test_codes_are_stable_and_only_one_error_is_retryable() -> None:
    found: dict[str, bool] = {}
    waiting: list[type[StorageError]] = [StorageError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind.retryable
        waiting += kind.__subclasses__()
    assert found == {
        "STORAGE_ERROR": False,
        "OBJECT_NOT_FOUND": False,
        "INVALID_KEY": False,
        "INVALID_RANGE": False,
        "INTEGRITY_FAILED": False,
        "DENIED": False,
        "UNAVAILABLE": True,
        "INVALID_URL": False,
        "EXPIRED_URL": False,
    }


def test_an_error_tells_the_log_what_is_known() -> None:
    error = Unavailable(Reason.FULL, "system/2026/01/x")
    error.location, error.operation = "local", "write"
    assert str(error) == "UNAVAILABLE location=local operation=write key=system/2026/01/x reason='no space left'"
    assert str(InvalidKey()) == "INVALID_KEY"


def test_reasons_can_be_shown_to_anyone() -> None:
    for reason in Reason:
        assert set(reason.value) <= set("abcdefghijklmnopqrstuvwxyz-, "), reason
