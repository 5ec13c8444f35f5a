"""docs/reference/metrics.md: every figure that /metrics tells about the service itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from tests.unit.provider_page import rows
from tracker.runtime import metrics as told

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "Metrics"
Metric = Counter | Gauge | Histogram


def made() -> str:
    """The whole page."""
    intro = (
        "`GET /metrics` tells these to Prometheus, without a key, in every process and about that process alone;"
        " `tracker_subscription_lag_seconds` is about the whole installation. Prometheus adds `_total` to the name of a"
        " counter, and `_bucket`, `_sum` and `_count` to that of a histogram. What Python's client tells about the"
        " process (`process_…`, `python_…`) stands beside them."
    )
    return f"{intro}\n\n" + rows(("name", "kind", "labels", "what it is"), map(_line, metrics()))


def metrics() -> Iterator[Metric]:
    """Those of runtime/metrics.py, in its order."""
    yield from (value for value in vars(told).values() if isinstance(value, Metric))


def _line(metric: Metric) -> tuple[str, ...]:
    (family,) = metric.describe()
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    name = family.name + ("_total" if family.type == "counter" else "")
    return f"`{name}`", family.type, labels, family.documentation
