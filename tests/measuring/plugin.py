"""Measures the processes that run the tests. It must come before all plugins that import the product."""

import os

from tests.measuring import RESULTS

_leave = None
if (
    RESULTS in os.environ and "PYTEST_XDIST_WORKER" in os.environ
):  # the process that only hands out the tests has nothing to measure
    from tests.measuring.probes import SETTINGS, measure

    _leave = measure(*SETTINGS["source"])


def pytest_sessionfinish() -> None:
    """Leave the results."""
    if _leave is not None:
        _leave()
