"""Reading what Prometheus would read."""

from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Scrape:
    """One answer of `/metrics`."""

    text: str

    @property
    def names(self) -> set[str]:
        """The names of all samples."""
        return {sample.name for family in text_string_to_metric_families(self.text) for sample in family.samples}

    @property
    def labels(self) -> dict[str, set[str]]:
        """All values of each label."""
        found: dict[str, set[str]] = {}
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                for name, value in sample.labels.items():
                    found.setdefault(name, set()).add(value)
        return found

    def value(self, name: str, **labels: str) -> float:
        """The sample of this name with exactly these labels, 0 when there is none."""
        found = [
            sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        ]
        return sum(found)

    def series(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        """All samples of this name, by their labels."""
        return {
            frozenset(sample.labels.items()): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name
        }


async def scrape(client: httpx.AsyncClient, url: str = "/metrics") -> Scrape:
    """What `/metrics` answers."""
    response = await client.get(url)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(response.text)
