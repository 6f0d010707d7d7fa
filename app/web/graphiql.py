"""The GraphiQL of this service: a page that loads nothing from elsewhere, so that it works without the internet.

Its source is in the folder `graphiql` beside this file; `make graphiql` builds it there into `dist`, which is not checked in.
"""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.web.routing import GetOnly

DIST = Path(__file__).with_name("graphiql") / "dist"

# Names of assets carry a hash of their content: what was fetched once is right for ever.
_FOR_EVER = "public, max-age=31536000, immutable"

# Scripts and workers come from here and from nowhere else, and nothing can be sent elsewhere. The editor writes styles into
# the page, and its fonts and pictures stand in its style sheet.
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "worker-src": "'self'",
    "connect-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "font-src": "'self' data:",
    "img-src": "'self' data:",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


@dataclass(frozen=True, slots=True)
class GraphiQL:
    """What was built: a page, and its assets by name."""

    html: str
    assets: Mapping[str, Path]

    @classmethod
    def built(cls, dist: Path = DIST) -> Self | None:
        """What is in `dist`, or None when nothing has been built there."""
        try:
            html = (dist / "index.html").read_text()
            return cls(html, {path.name: path for path in (dist / "graphiql").iterdir()})
        except FileNotFoundError:  # or it is being built at this moment
            return None

    def page(self) -> Response:
        """The page. It may change with every release, so browsers ask for it each time."""
        policy = "; ".join(f"{directive} {sources}" for directive, sources in _POLICY.items())
        return HTMLResponse(self.html, headers={"content-security-policy": policy, "cache-control": "no-cache"})

    def routes(self) -> list[Route]:
        """The assets, for GET and HEAD, at /graphiql/NAME: beside the page as `…/graphql` sees it."""
        return [Route("/graphiql/{name}", GetOnly(self._serve))]

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path_params"]["name"]
        path = self.assets.get(name)  # only what was there at the start: a name is never made into a path
        if path is None:
            raise HTTPException(404)
        headers = {"cache-control": _FOR_EVER, "vary": "accept-encoding"}
        packed = self.assets.get(f"{name}.gz")
        if packed is not None and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            path, headers["content-encoding"] = packed, "gzip"
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        await FileResponse(path, headers=headers, media_type=media_type)(scope, receive, send)
