"""What the LRS counts about itself, for Prometheus. No label holds anything of a person or a tenant."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from learnlake.settings import Settings
from lrs.store import Store, read

logger = logging.getLogger(__name__)

_LAG_FRESH_SECONDS = 1.0
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class _StateCollector(Collector):
    def __init__(self, store: Store, lag: SealLag) -> None:
        self._store, self._lag = store, lag

    def collect(self) -> Iterator[Metric]:
        progress = self._store.progress
        statements = CounterMetricFamily("lrs_statements_stored", "Statements made durable")
        statements.add_metric([], progress.statements)
        waiting = GaugeMetricFamily("lrs_queue_statements", "Statements that wait for their commit")
        waiting.add_metric([], progress.waiting)
        yield from (statements, waiting)
        if self._lag.is_known:
            behind = GaugeMetricFamily("lrs_seal_lag_statements", "Statements stored and not in the lake yet")
            behind.add_metric([], self._lag.statements)
            seconds = GaugeMetricFamily(
                "lrs_seal_lag_seconds", "Between the newest statement stored and the newest in the lake"
            )
            seconds.add_metric([], self._lag.seconds)
            yield from (behind, seconds)


class SealLag:
    """How far the lake is behind the store, asked of both at most once a second."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._asked = float("-inf")
        self.is_known = False
        self.statements, self.seconds = 0, 0.0

    async def refresh(self) -> None:
        """Look anew if it is time. A lake that cannot be read leaves the figures out rather than old."""
        if time.monotonic() - self._asked < _LAG_FRESH_SECONDS:
            return
        self._asked = time.monotonic()
        sealed = await asyncio.to_thread(_sealed_seq, self._settings)
        self.is_known = sealed is not None
        if sealed is not None:
            self.statements, self.seconds = await self._store.read(
                lambda connection: read.behind(connection, sealed)
            )


def _sealed_seq(settings: Settings) -> int | None:
    from deltalake.exceptions import DeltaError

    from lrs.delta import open_table, watermark  # heavy, and needed by nobody who doesn't look

    try:
        table = open_table(settings.home)
        return 0 if table is None else watermark(table)
    except (OSError, DeltaError):
        logger.warning("the lake's log cannot be read", exc_info=True)
        return None


class Metrics:
    """Counters of one process."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.lag = SealLag(settings, store)
        self.registry = CollectorRegistry()
        self.registry.register(_StateCollector(store, self.lag))
        labels = ["resource", "method"]
        self._requests = Counter("lrs_requests", "Requests", [*labels, "status"], registry=self.registry)
        self._seconds = Histogram(
            "lrs_request_seconds", "Time to answer", labels, buckets=_SECONDS, registry=self.registry
        )
        self._commit_seconds = Histogram(
            "lrs_commit_seconds", "Time of a group commit", buckets=_SECONDS, registry=self.registry
        )
        self._commit_statements = Histogram(
            "lrs_commit_statements", "Statements in a group commit", buckets=_SIZES, registry=self.registry
        )
        store.progress.on_commit = self._committed
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

    def _committed(self, statements: int, seconds: float) -> None:
        self._commit_statements.observe(statements)
        self._commit_seconds.observe(seconds)

    def text(self) -> bytes:
        """The exposition format of Prometheus."""
        return generate_latest(self.registry)
