"""Traces by OpenTelemetry, where `[telemetry] traces` names a collector: a webhook, its step, and each action of it.

Nothing is kept for them. The id of a trace is the beginning of the hash of what was signed, by which facts are known
already, and with which the cause of a run begins: so every process finds it by itself, after a restart too. Whether a
trace is sampled follows from its id as well.
"""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from tracker.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from opentelemetry.trace import Span

HASH = re.compile(r"[0-9a-f]{64}\b")
EXPORT_SECONDS = 5
SERVICE = "tracker"


class Logged(Protocol):
    """What a span says of an event of the log."""

    @property
    def provider(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def post(self) -> str | None: ...
    @property
    def body_hash(self) -> bytes: ...
    @property
    def received_at(self) -> datetime: ...


class Tracing:
    """Spans of one process, sent to a collector by OTLP over HTTP."""

    def __init__(self, collector: str, ratio: float, node: str) -> None:
        """`ratio` of all traces are sampled; raises Misconfigured where the extra `otel` is not installed."""
        try:
            from opentelemetry import trace  # noqa: PLC0415  (an extra)
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
            from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415
            from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415
        except ModuleNotFoundError as error:
            why = f'needs the extra "otel": install tracker with it ({error})'
            raise Misconfigured(why, key="telemetry.traces") from error

        class Ids(RandomIdGenerator):
            """Random ids, but for those that are given for the span that begins now."""

            trace = span = 0

            def generate_trace_id(self) -> int:
                return self.trace or super().generate_trace_id()

            def generate_span_id(self) -> int:
                return self.span or super().generate_span_id()

        self._otel, self._ids = trace, Ids()
        about = {"service.name": SERVICE, "service.version": version("tracker"), "service.instance.id": node}
        self.provider = TracerProvider(
            sampler=TraceIdRatioBased(ratio), resource=Resource.create(about), id_generator=self._ids
        )
        exporter = OTLPSpanExporter(f"{collector.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self.provider.get_tracer(SERVICE)

    def received(self, event: Logged, ended: datetime, *, duplicate: bool) -> None:
        """A webhook is acknowledged: the span that all others of its trace belong to."""
        trace, span = _ids_of(event.body_hash)
        self._ids.trace, self._ids.span = trace, 0 if duplicate else span
        try:
            begun = self._tracer.start_span(
                "receive", self._otel.set_span_in_context(self._otel.INVALID_SPAN), self._otel.SpanKind.SERVER,
                {**_about(event.provider, event.post), "tracker.event": event.kind, "tracker.duplicate": duplicate},
                start_time=_nanoseconds(event.received_at),
            )  # fmt: skip
        finally:
            self._ids.trace = self._ids.span = 0
        begun.end(_nanoseconds(ended))

    def processed(self, event: Logged, began: datetime, ended: datetime) -> None:
        """An event was folded, and rules have decided on it, in the step between these moments."""
        within = self._within(event.body_hash)
        about = {**_about(event.provider, event.post), "tracker.event": event.kind}
        self._tracer.start_span("process", within, attributes=about, start_time=_nanoseconds(began)).end(
            _nanoseconds(ended)
        )

    @contextmanager
    def acting(self, verb: str, cause: str | None, about: Mapping[str, Any]) -> Iterator[Span]:
        """The span of one attempt at an action, in the trace of what caused its run, or in one of its own."""
        digest = HASH.match(cause or "")
        within = self._within(bytes.fromhex(digest[0])) if digest else None
        with self._tracer.start_as_current_span(
            f"action {verb}", within, self._otel.SpanKind.CLIENT,
            {f"tracker.{name}": value for name, value in about.items() if value is not None},
        ) as span:  # fmt: skip
            yield span

    def ended(self, state: str, reason: str) -> None:
        """Say in the span under way how its action stands; pending is none that has failed for good."""
        span = self._otel.get_current_span()
        span.set_attributes({"tracker.state": state, "tracker.reason": reason})
        if state not in ("done", "pending"):
            span.set_status(self._otel.StatusCode.ERROR, reason)

    def _within(self, body_hash: bytes) -> Any:
        trace, span = _ids_of(body_hash)
        flags = self._otel.TraceFlags(self._otel.TraceFlags.SAMPLED)
        parent = self._otel.SpanContext(trace, span, is_remote=True, trace_flags=flags)
        return self._otel.set_span_in_context(self._otel.NonRecordingSpan(parent))

    def close(self) -> None:
        """Send what waits, for at most some seconds."""
        self.provider.shutdown()


def _ids_of(body_hash: bytes) -> tuple[int, int]:
    """Of the trace, and of the span of its receipt; neither is ever 0."""
    return int.from_bytes(body_hash[:16]) or 1, int.from_bytes(body_hash[16:24]) or 1


def _about(provider: str, post: str | None) -> dict[str, Any]:
    return {"tracker.provider": provider} | ({"tracker.post": post} if post else {})


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1000


def current_trace() -> str | None:
    """The id of the trace under way, in hex; None where there is none, or nothing is traced."""
    otel = sys.modules.get("opentelemetry.trace")
    found = otel.get_current_span().get_span_context() if otel else None
    return format(found.trace_id, "032x") if found and found.is_valid else None


def traceparent() -> dict[str, str]:
    """The header by which another system goes on with the trace under way."""
    otel = sys.modules.get("opentelemetry.trace")
    found = otel.get_current_span().get_span_context() if otel else None
    if not found or not found.is_valid:
        return {}
    return {"traceparent": f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"}
