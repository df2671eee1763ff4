"""The registry in which the parts of the proxy show how they fare. Knows none of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

FAST = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Upper bounds of histograms, in seconds."""

Kind = Literal["counter", "gauge"]
Samples = Iterable[tuple[Sequence[str], float]]


class Metrics:
    """The proxy's own metrics, in a registry of their own.

    Labels are bounded: ``target`` is a bundle's name or ``none``, ``endpoint`` one of the routes, ``engine`` one of
    those that the settings name, ``model`` too, and empty, which to Prometheus is none, where there is one alone.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)

    def counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
        """A counter that is counted up where it is made."""
        return Counter(name, meaning, labels, registry=self.registry)

    def histogram(
        self, name: str, meaning: str, labels: Sequence[str] = (), *, bounds: Sequence[float] = SLOW
    ) -> Histogram:
        """Times, in seconds."""
        return Histogram(name, meaning, labels, buckets=bounds, registry=self.registry)

    def show(self, kind: Kind, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Show a value that is kept elsewhere, and read when it is asked for."""
        self.show_each(kind, name, meaning, (), lambda: [((), read())])

    def show_each(
        self, kind: Kind, name: str, meaning: str, labels: Sequence[str], read: Callable[[], Samples]
    ) -> None:
        """Show values that are kept elsewhere, each with its labels."""
        self.registry.register(_Shown(kind, name, meaning, labels, read))


class _Shown(Collector):
    def __init__(
        self, kind: Kind, name: str, meaning: str, labels: Sequence[str], read: Callable[[], Samples]
    ) -> None:
        self._kind = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
        self._name = name
        self._meaning = meaning
        self._labels = labels
        self._read = read

    def describe(self) -> Iterator[Metric]:
        """Without a sample, so that nothing is read before all of it is there."""
        yield self._kind(self._name, self._meaning, labels=self._labels)

    def collect(self) -> Iterator[Metric]:
        """All samples."""
        family = self._kind(self._name, self._meaning, labels=self._labels)
        for labels, value in self._read():
            family.add_metric(labels, value)
        yield family
