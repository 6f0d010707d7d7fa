"""The settings of what clients may cost: documents, rates, and the patience with slow ones. Part of `app/settings.py`."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

Seconds = Annotated[int, Field(gt=0, le=315_360_000)]
List = Annotated[tuple[str, ...], NoDecode]  # comma-separated
Switch = bool | None  # None: on when embedded

_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")


def _rate(value: str) -> str:
    if value and not _RATE.fullmatch(value):
        raise ValueError("use a rate such as 20/minute (second, minute, hour, day), or nothing for none")
    return value


Rate = Annotated[str, AfterValidator(_rate)]


class GuardSettings(BaseSettings):
    """What the service does about hostile, greedy and slow clients."""

    graphql_ide: Switch = Field(
        None, description="Whether a browser that opens `/graphql` gets GraphiQL; empty: when embedded."
    )
    graphql_introspection: Switch = Field(
        None, description="Whether clients may ask for the schema; empty: when embedded."
    )
    graphql_plans: bool = Field(
        True,
        description="Whether plain objects are answered by a plan; off: field by field, slower, with the same answers.",
    )
    query_max_depth: int = Field(20, ge=5, le=100, description="Levels of fields in a query at most.")
    query_max_aliases: int = Field(100, ge=0, le=10_000, description="Aliases in a document at most.")
    query_max_fields: int = Field(1000, ge=10, le=5000, description="Fields in a document at most, fragments spread.")
    query_max_values: int = Field(
        50_000, ge=100, le=10_000_000, description="Values in an answer at most, as if every page were full."
    )
    persisted_queries: Literal["off", "allow", "only"] = Field(
        "off",
        description="`allow`: clients may send a document's hash for it; `only`: nothing but registered documents.",
    )
    persisted_queries_file: Path | None = Field(
        None, description="The registered documents: Apollo's manifest, or a JSON object of hashes and documents."
    )

    trusted_proxies: List = Field(
        (), description="Addresses or networks of proxies whose `X-Forwarded-For` counts, comma-separated; `*` for any."
    )
    rate_limits: bool = Field(True, description="Whether clients are held to the rates that follow.")
    rate_limit_login_account: Rate = Field("10/minute", description="Logins to one account, known or not.")
    rate_limit_login_address: Rate = Field("300/minute", description="Logins from one address; schools share one.")
    rate_limit_operations: Rate = Field(
        "3000/minute", description="Root fields of one user, or of one address without a token."
    )
    rate_limit_uploads: Rate = Field("1200/minute", description="Files that one user uploads.")
    uploads_at_once: int = Field(
        50, ge=0, le=100_000, description="Upload requests of one user at a time, per process; 0: any number."
    )

    request_head_seconds: Seconds = Field(15, description="How long a client may take for the head of a request.")
    request_idle_seconds: Seconds = Field(30, description="How long a body may stand still before it is given up.")
    request_min_bytes_per_second: int = Field(
        500, ge=0, le=1_000_000_000, description="What a body must bring, on average over that time; 0: one byte."
    )
    response_idle_seconds: int = Field(
        120,
        ge=1,
        le=120,
        description="How long a client may take nothing of a response before the connection is broken off; at most 120.",
    )
    # Longer than proxies and clients keep an idle connection (60 s and less): whoever closes first must not be the server, or a
    # request that is just being sent meets a reset.
    keep_alive_seconds: Seconds = Field(75, description="How long an idle connection is kept for another request.")

    @field_validator(
        "graphql_ide",
        "graphql_introspection",
        "persisted_queries_file",
        "local_storage_path",
        mode="before",
        check_fields=False,
    )
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("trusted_proxies", "allowed_mime_types", "cors_origins", mode="before", check_fields=False)
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            try:
                ip_network(part if part != "*" else "0.0.0.0/0")
            except ValueError:
                raise ValueError("use addresses or networks such as 10.0.0.0/8") from None
        return value
