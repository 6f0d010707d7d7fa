"""The end of every token of a user that was issued so far: own ones by their generation, those of the identity provider,
which carry none, by the moment of their issue. Every revocation goes through here, so that none forgets one of the two.
"""

from datetime import datetime

from app.models import User

FIELDS = ("token_generation", "tokens_valid_after")


def revoke(user: User, moment: datetime) -> None:
    """On a row that the present unit has locked, and then saves with `FIELDS`. The moment is the app clock's, UTC."""
    user.token_generation += 1
    user.tokens_valid_after = moment if user.tokens_valid_after is None else max(user.tokens_valid_after, moment)


def revoking(moment: str) -> str:
    """The same as the SET clause of an UPDATE of users, for rows that nobody has locked; `moment` is a placeholder.

    The moment never goes back: of two processes whose clocks differ, the later one's counts.
    """
    return (
        "token_generation = token_generation + 1, tokens_valid_after ="
        f" CASE WHEN tokens_valid_after > {moment} THEN tokens_valid_after ELSE {moment} END"
    )
