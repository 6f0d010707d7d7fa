"""Who is calling: own tokens, tokens of the platform's own identity provider, and the caller that a token stands for."""

from app.auth.authenticator import Authenticator, Platform
from app.auth.principal import Principal
from app.auth.session import Session
from app.auth.tokens import Claims, SignedToken, Tokens, derive_key

__all__ = ["Authenticator", "Claims", "Platform", "Principal", "Session", "SignedToken", "Tokens", "derive_key"]
