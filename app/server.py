"""The web server: uvicorn, set for streams of bytes."""

import gc
import resource
import socket
import sys
from collections.abc import Mapping
from typing import Any

import structlog
import uvicorn

from app.allocator import keep_receive_buffers
from app.main import Application
from app.patience import Patience, PatientConfig
from app.settings import Settings

_OBJECTS_BETWEEN_ROUNDS = 10_000  # some requests' worth

_MOST_DESCRIPTORS = 65_536

# After so long a thread that wants its turn takes it, and the event loop stands still until the system has run that thread. The loop
# gives turns away by itself at every socket that it reads or writes, so the usual 5 milliseconds only disturb it.
_TURN_SECONDS = 0.02

# Operations are no larger than those of requests. Frames are not compressed: a window for each connection would take more
# memory than all else, and a text that is sent to a thousand subscribers would be compressed a thousand times.
WEBSOCKETS: Mapping[str, Any] = {
    "ws": "websockets-sansio",
    "ws_max_size": 1024 * 1024,
    "ws_per_message_deflate": False,
}

_log = structlog.get_logger("satchel.server")


class Server(uvicorn.Server):
    """Uvicorn, which says where it is reached once it is."""

    def __init__(self, application: Application, settings: Settings) -> None:
        keep_receive_buffers()
        sys.setswitchinterval(_TURN_SECONDS)
        _allow_many_connections()
        self._application = application
        self._url = settings.resolved_public_url
        super().__init__(
            PatientConfig(
                application,
                Patience(settings.request_head_seconds, settings.response_idle_seconds),
                loop="uvloop",
                **WEBSOCKETS,
                lifespan="on",
                log_config=None,
                access_log=False,  # the application writes its own, without the secrets that stand in signed URLs
                server_header=False,
                timeout_keep_alive=settings.keep_alive_seconds,
                # Whoever writes X-Forwarded-For could be anybody, unless it is a proxy that we know.
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                timeout_graceful_shutdown=settings.shutdown_grace_seconds,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen. Ends the process, with the reason logged, when the application does not start."""
        await super().startup(sockets)
        _spare_what_stays()
        _log.info("server.started", url=self._url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop. Streams end at once; requests in flight may finish, within the grace period."""
        self._application.stop_streams()
        await super().shutdown(sockets)


def _spare_what_stays() -> None:
    """Take everything that is there now out of the garbage collector's rounds: the schema and the modules stay to the end, and going
    through them again and again was a tenth of the time of a small request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_ROUNDS)


def _allow_many_connections() -> None:
    """As many open files and connections as the system lets this process have: the usual 1,024 are gone with a thousand half-open
    connections, long before their time is over.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
