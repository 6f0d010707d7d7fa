"""The keys of an identity provider, as its JWK set (RFC 7517) tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PublicKey = RSAPublicKey | EllipticCurvePublicKey

_MOST_KEYS = 100
_RSA_BITS = range(2048, 8193)  # RFC 7518, 3.3 asks for 2048 or more; beyond 8192 a signature takes too long to check
_LONGEST_ID = 256  # characters


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys that signatures are checked with, by algorithm and key id: a key is good for one algorithm only."""

    keys: Mapping[tuple[str, str | None], PublicKey]

    def find(self, algorithm: str, key_id: str | None) -> PublicKey | None:
        """The key, or None. A token that names none is taken only where there is but one."""
        if key_id is None and len(self.keys) == 1:
            return next((key for (kind, _), key in self.keys.items() if kind == algorithm), None)
        return None if key_id is None else self.keys.get((algorithm, key_id))


def key_ring(document: bytes) -> KeyRing:
    """The keys of a JWK set that can check RS256 and ES256 signatures; the others are left out, as RFC 7517, 5 asks.

    Raises ValueError for what is no JWK set.
    """
    content = orjson.loads(document)
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list) or len(entries) > _MOST_KEYS:
        raise ValueError("no JWK set")
    keys: dict[tuple[str, str | None], PublicKey] = {}
    for entry in entries:
        found = _usable(entry) if isinstance(entry, dict) else None
        if found is not None:
            algorithm, key = found
            keys.setdefault((algorithm, entry.get("kid")), key)
    return KeyRing(keys)


def _usable(entry: dict[str, Any]) -> tuple[str, PublicKey] | None:
    key_id, operations = entry.get("kid"), entry.get("key_ops", ["verify"])
    named = key_id is None or (isinstance(key_id, str) and len(key_id) <= _LONGEST_ID)
    verifies = entry.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    # A set with a private key in it has told the world how to sign.
    if not named or not verifies or "d" in entry:
        return None
    algorithm, key = _public_key(entry)
    return None if key is None or entry.get("alg", algorithm) != algorithm else (algorithm, key)


def _public_key(entry: dict[str, Any]) -> tuple[str, PublicKey | None]:
    """The one algorithm that goes with the key's type, and the key; None for one that is broken, weak or of no use."""
    try:
        match entry.get("kty"), entry.get("crv"):
            case "RSA", _:
                key = RSAAlgorithm.from_jwk(entry)
                good = isinstance(key, RSAPublicKey) and key.key_size in _RSA_BITS
                return "RS256", key if good and isinstance(key, RSAPublicKey) else None
            case "EC", "P-256":
                point = ECAlgorithm.from_jwk(entry)
                return "ES256", point if isinstance(point, EllipticCurvePublicKey) else None
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):  # what the parsers raise for members of other types
        pass
    return "", None
