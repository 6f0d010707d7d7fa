"""The product with all of its instrumentation taken out: no spans, no metrics. What is left is what they are measured against.

Nothing in the product can be switched off so far, and nothing should: this side reaches into it.
"""

from contextlib import nullcontext
from unittest.mock import patch

from app.db.statements import Spanned, SpannedTransaction
from app.main import create_app
from app.server import Server
from app.settings import Settings
from app.storage.storage import Storage
from app.telemetry.instruments import Counter, Histogram, Level
from app.telemetry.logs import configure_logging
from app.telemetry.storage_watch import Call, StorageWatch
from app.web.listener import bound_socket
from schema import schema
from schema.watching import Shown, Watched

_STATEMENTS = ("execute_query", "execute_query_dict", "execute_insert", "execute_many")


class _Unwatched(StorageWatch):
    def call(self, backend: str, operation: str) -> Call:
        """Nobody looks."""
        return _CALL


class _NoCall(Call):
    def __enter__(self) -> "_NoCall":
        return self

    def __exit__(self, *_: object) -> None:
        return None


_CALL = _NoCall(StorageWatch(), None, "none", "none")


def _nothing(*_: object) -> None:
    """No count."""


def _take_out() -> None:
    for kind, method in ((Counter, "add"), (Level, "add"), (Histogram, "record")):
        patch.object(kind, method, _nothing).start()
    for name in _STATEMENTS:
        delattr(Spanned, name)
    for name in ("begin", "commit", "rollback"):
        delattr(SpannedTransaction, name)
    patch.object(schema, "Watched", lambda *_: nullcontext(Watched(None, Shown()))).start()
    make = Storage.__init__
    patch.object(
        Storage, "__init__", lambda self, *args, **named: make(self, *args, **named | {"watch": _Unwatched()})
    ).start()


if __name__ == "__main__":
    _settings = Settings.load()
    configure_logging(_settings.log_level)
    _take_out()
    Server(create_app(_settings), _settings).run(sockets=[bound_socket(_settings.host, _settings.port)])
