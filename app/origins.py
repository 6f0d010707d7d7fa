"""Origins of URLs, as browsers write them in the header `Origin` (RFC 6454) and as S3 wants its host signed."""

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL: in lower case, an international name in its ASCII form, without the scheme's own port.

    Any scheme will do, since apps on phones have some of their own, such as `capacitor://localhost`. Raises ValueError for what
    names no host, and for patterns.
    """
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port
    if not parts.scheme or not host or "*" in host or port == 0:
        raise ValueError("use https://HOST")
    host = f"[{host}]" if ":" in host else host.encode("idna").decode()
    shown_port = "" if port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f":{port}"
    return f"{parts.scheme}://{host}{shown_port}"


def is_web_address(url: str) -> bool:
    """Whether `url` leads to a host by HTTP."""
    try:
        return origin_of(url).startswith(("http://", "https://"))
    except ValueError:
        return False


def as_origin(text: str) -> str:
    """`text` as an origin. Raises ValueError for what is none: a path or a query, say, is no part of one."""
    parts = urlsplit(text)
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("use https://HOST, without a path")
    return origin_of(text)
