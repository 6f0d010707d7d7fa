"""The broker: how processes wake each other. With Redis a stream, without it a queue in this process.

What is to be done stands in the database, as rows of `job_runs`. A message says no more than "look at this run": it may be
lost, doubled or late, and nothing is lost, done twice, or later than the next look of a worker at the database. So a message is
acknowledged when it is received, before the work begins: what may take hours never holds a message, and none is handed
out twice because it took long.
"""

from typing import TypeVar

from taskiq import AsyncBroker, InMemoryBroker
from taskiq.result_backends.dummy import DummyResultBackend
from taskiq.serializers import JSONSerializer

B = TypeVar("B", bound=AsyncBroker)


def embedded_broker() -> InMemoryBroker:
    """The broker of a process that does everything itself."""
    return plain(InMemoryBroker())


def plain(broker: B) -> B:
    """Set what all our brokers have in common."""
    # Nobody asks for results, they are in the database. Messages are JSON: who can write to Redis must not thereby run code.
    broker.with_result_backend(DummyResultBackend())
    broker.with_serializer(JSONSerializer())
    return broker
