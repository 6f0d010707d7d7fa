"""How every side is served: by the same server with the same settings as the product (app/cli.py, `serve`)."""

import os
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp


def target() -> Path:
    """The folder for what is uploaded."""
    return Path(os.environ["TARGET"])


def serve(app: ASGIApp, *, websockets: bool = False) -> None:
    """Serve until SIGTERM."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        http="httptools",
        loop="uvloop",
        ws="websockets-sansio" if websockets else "none",
        lifespan="auto",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
