"""The part of the Compose specification that our files use, as a JSON schema: a key that is not here is a slip of the pen."""

from typing import Any

_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_DURATION = {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}
_ENVIRONMENT = {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
    "additionalProperties": {"type": "string"},  # not a number and not a boolean: YAML would choose how to write it
}


def _object(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_HEALTH = _object(
    {
        "test": {**_STRINGS, "prefixItems": [{"const": "CMD"}], "minItems": 2},
        "interval": _DURATION,
        "timeout": _DURATION,
        "start_period": _DURATION,
        "retries": {"type": "integer", "minimum": 1},
    },
    required=("test", "interval", "timeout"),
)
_CONDITION = _object({"condition": {"enum": ["service_healthy", "service_completed_successfully"]}}, ("condition",))
_SERVICE = _object(
    {
        "image": {"type": "string"},
        "build": {"const": "."},
        "command": _STRINGS,
        "environment": _ENVIRONMENT,
        "env_file": {
            "type": "array",
            "items": _object({"path": {"type": "string"}, "required": {"type": "boolean"}}, ("path", "required")),
        },
        "ports": {"type": "array", "items": {"type": "string", "pattern": r"^127\.0\.0\.1:\d+:\d+$"}},
        "volumes": _STRINGS,
        "tmpfs": {"type": "array", "items": {"type": "string", "pattern": "^/"}},
        "configs": {
            "type": "array",
            "items": _object({"source": {"type": "string"}, "target": {"type": "string"}}, ("source", "target")),
        },
        "depends_on": {"type": "object", "additionalProperties": _CONDITION},
        "healthcheck": _HEALTH,
        "restart": {"enum": ["unless-stopped"]},
        "profiles": _STRINGS,
        "init": {"type": "boolean"},
        "read_only": {"type": "boolean"},
        "cap_drop": _STRINGS,
        "security_opt": _STRINGS,
        "stop_grace_period": _DURATION,
    },
    required=("image",),
)
COMPOSE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        {
            "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
            "services": {"type": "object", "additionalProperties": _SERVICE},
            "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
            "configs": {
                "type": "object",
                "additionalProperties": _object({"content": {"type": "string"}}, ("content",)),
            },
        },
        required=("name", "services"),
    ),
    "patternProperties": {"^x-": {}},
}
