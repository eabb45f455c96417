"""What `/metrics` says, by name and by its only label."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families


class Figures:
    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def all(self) -> dict[tuple[str, str], float]:
        """By name and value of the label, which is empty where there is none."""
        families = text_string_to_metric_families(self._http.get("/metrics").raise_for_status().text)
        samples = [sample for family in families for sample in family.samples]
        return {(each.name, next(iter(each.labels.values()), "")): each.value for each in samples}

    def __call__(self, name: str, **label: str) -> float:
        """One of them; 0 where it isn't told."""
        return self.all().get((name, next(iter(label.values()), "")), 0.0)
