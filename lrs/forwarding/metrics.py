"""Forwarding's figures for Prometheus. They are the store's, so that whichever process is asked answers for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lrs.store.targets import Standing

_FAMILIES: tuple[tuple[type[Metric], str, str, Callable[[Standing], float]], ...] = (
    (GaugeMetricFamily, "lrs_forward_lag", "Sequence numbers not settled yet", lambda s: s.lag),
    (CounterMetricFamily, "lrs_forward_sent", "Statements that the target took", lambda s: s.sent),
    (GaugeMetricFamily, "lrs_forward_dead", "Statements that the target refused", lambda s: s.dead),
    (GaugeMetricFamily, "lrs_forward_failures", "Deliveries failed in a row", lambda s: s.failures),
    (GaugeMetricFamily, "lrs_forward_paused", "1 while the target is paused", lambda s: s.is_paused),
)


def exposition(standings: Sequence[Standing]) -> bytes:
    """The exposition format of Prometheus; the label is the name that the operator gave the target."""

    class Standings(Collector):
        def collect(self) -> list[Metric]:
            found = []
            for family, name, help_, value in _FAMILIES:
                metric = family(name, help_, labels=["target"])  # type: ignore[call-arg]
                for standing in standings:
                    metric.add_metric([standing.name], value(standing))  # type: ignore[attr-defined]
                found.append(metric)
            return found

    registry = CollectorRegistry()
    registry.register(Standings())
    return generate_latest(registry)
