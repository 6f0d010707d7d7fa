"""Rows of raw statements as models, without what Tortoise does for each value of each row."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

from tortoise import fields
from tortoise.fields import Field
from tortoise.models import Model

M = TypeVar("M", bound=Model)

# What reads a row's columns, the names of their attributes, and what has to become of some of the values.
_Plan: TypeAlias = tuple[Callable[[Any], tuple[Any, ...]], list[str], list[tuple[str, Callable[[Any], Any]]]]

# What asyncpg gives for these is what the model holds. Types that are made from these (enums) are not among them.
_NATIVE = frozenset(
    {
        fields.BigIntField,
        fields.BooleanField,
        fields.CharField,
        fields.DatetimeField,
        fields.IntField,
        fields.TextField,
        fields.UUIDField,
    }
)


def as_models(dialect: str, model: type[M], rows: Iterable[Mapping[str, Any]]) -> list[M]:
    """A model for each row, which has all columns of its table and may have others; as if the ORM had read them."""
    if dialect == "sqlite":
        return [model._init_from_db(**row) for row in rows]
    read, names, conversions = _plan(model)
    chosen_pk = model._meta.db_pk_column not in model._meta.generated_db_fields
    loaded = []
    for row in rows:
        one = model.__new__(model)
        state = one.__dict__
        state["_partial"], state["_saved_in_db"], state["_await_when_save"] = False, True, {}
        state["_custom_generated_pk"] = chosen_pk
        state.update(zip(names, read(row), strict=True))
        for name, convert in conversions:
            state[name] = convert(state[name])
        loaded.append(one)
    return loaded


@lru_cache(maxsize=64)
def _plan(model: type[Model]) -> _Plan:
    projection = model._meta.fields_db_projection
    described: dict[str, Field[Any]] = model._meta.fields_map
    conversions: list[tuple[str, Callable[[Any], Any]]] = [
        (name, described[name].to_python_value) for name in projection if type(described[name]) not in _NATIVE
    ]
    return itemgetter(*projection.values()), list(projection), conversions
