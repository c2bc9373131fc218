"""What the LRS counts about itself, for Prometheus. No label holds anything of a person or a tenant."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lrs.store import Store

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class _WriterCollector(Collector):
    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> list[Metric]:
        progress = self._store.progress
        commits = CounterMetricFamily("lrs_commits", "Group commits")
        commits.add_metric([], progress.commits)
        statements = CounterMetricFamily("lrs_statements_stored", "Statements made durable")
        statements.add_metric([], progress.statements)
        seconds = CounterMetricFamily("lrs_commit_seconds", "Time spent in commits")
        seconds.add_metric([], progress.commit_seconds)
        waiting = GaugeMetricFamily("lrs_queue_statements", "Statements that wait for their commit")
        waiting.add_metric([], progress.waiting)
        return [commits, statements, seconds, waiting]


class Metrics:
    """Counters of one process."""

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_WriterCollector(store))
        labels = ["resource", "method"]
        self._requests = Counter("lrs_requests", "Requests", [*labels, "status"], registry=self.registry)
        self._seconds = Histogram(
            "lrs_request_seconds", "Time to answer", labels, buckets=_SECONDS, registry=self.registry
        )

        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, resource: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        found = self._known.get((resource, method, status))
        if found is None:
            found = (self._requests.labels(resource, method, status), self._seconds.labels(resource, method))
            self._known[resource, method, status] = found
        counter, histogram = found
        counter.inc()
        histogram.observe(seconds)

    def text(self) -> bytes:
        """The exposition format of Prometheus."""
        return generate_latest(self.registry)
