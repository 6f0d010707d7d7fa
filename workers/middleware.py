"""What travels with a message: who asked for the run, so that log and traces tell of a request and of its job in one breath."""

import structlog
from taskiq import TaskiqMessage, TaskiqMiddleware

from app.telemetry.tracing import CARRIED, arrive, carrier

_REQUEST_ID = "request_id"


class SenderContext(TaskiqMiddleware):
    """Carries the sender's request id and span to the worker. A message from a scheduler has neither."""

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Note the id of the request that is being served, and its span."""
        message.labels.update(carrier())
        request_id = structlog.contextvars.get_contextvars().get(_REQUEST_ID)
        if request_id is not None:
            message.labels[_REQUEST_ID] = str(request_id)
        return message

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Begin the context of the work, in the task of its own that every message is."""
        arrive({name: str(value) for name in CARRIED if (value := message.labels.get(name)) is not None})
        structlog.contextvars.clear_contextvars()
        request_id = message.labels.get(_REQUEST_ID)
        if request_id is not None:
            structlog.contextvars.bind_contextvars(request_id=str(request_id))
        return message
