"""Tokens end in one place: a revocation elsewhere would forget one of their two kinds."""

import re
from pathlib import Path

from tests.architecture.sources import python_files, text

# token_generation = token_generation + 1, user.token_generation += 1
_RAISED = re.compile(r"token_generation\s*(?:\+=|=\s*(?:\w+\.)?token_generation\s*\+)")
_HOME = Path("app/services/revocation.py")


def test_tokens_are_revoked_in_one_place() -> None:
    product = [path for path in python_files() if path.parts[0] != "tests"]
    assert [path for path in product if _RAISED.search(text(path))] == [_HOME]
