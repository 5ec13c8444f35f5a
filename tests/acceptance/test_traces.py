"""Traces: a webhook, its step and the action that follows are one, and reach a collector by OTLP."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests import plain_http
from tests.acceptance.service import Service, free_port
from tests.acceptance.sink import requests
from tests.waiting import until
from tracker.simulator.wire import sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_test"
BODY = json.dumps(
    {"event": "post.published", "timestamp": "2026-11-10T12:00:00Z", "data": {"postId": "p1", "status": "PUBLISHED"}}
).encode()
SIGNED = {"X-SosyalKopru-Signature": sign(SECRET, BODY)}


class Others:
    """A collector, and the system that is told: what came to each."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.parents: list[str] = []
        self.url = ""

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async for first, headers, body in requests(reader):
                if "/v1/traces" in first:
                    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                        self.spans += [span for scope in resource.scope_spans for span in scope.spans]
                else:
                    self.parents.append(headers.get("traceparent", ""))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def others() -> AsyncIterator[Others]:
    here = Others()
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield here
    finally:
        server.close()


@asynccontextmanager
async def traced(folder: Path, dsn: str, far: Others, ratio: float) -> AsyncIterator[Service]:
    service = Service(
        folder, free_port(), dsn=dsn, lease="2s", provider="http://127.0.0.1:9", secret=SECRET, sink=f"{far.url}/hooks"
    )
    service.environment = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
    config = folder / "config.toml"
    settings = f'[telemetry]\ntraces = "{far.url}"\ntraces_ratio = {ratio}\n'
    config.write_text(config.read_text().replace("[telemetry]\n", settings).replace('"warning"', '"info"'))
    service.start()
    try:
        await service.ready()
        yield service
    finally:
        service.stop()


async def test_a_webhook_is_one_trace_until_another_system_is_told(tmp_path: Path, database_url: str) -> None:
    async with others() as far, traced(tmp_path, database_url, far, 1.0) as service, plain_http.client() as client:
        answer = await client.post(f"{service.url}/webhooks/sosyalkopru", content=BODY, headers=SIGNED)
        assert answer.json() == {"received": True}, answer.text
        await until(lambda: bool(far.named("action send")), "the action's span is sent")
        trace = sha256(BODY).digest()[:16]
        (receive,), (process,), (action,) = map(far.named, ("receive", "process", "action send"))
        assert {span.trace_id for span in (receive, process, action)} == {trace}
        assert {span.parent_span_id for span in (process, action)} == {receive.span_id}
        assert receive.start_time_unix_nano <= receive.end_time_unix_nano <= action.end_time_unix_nano
        said = {one.key: one.value.string_value or one.value.int_value for one in action.attributes}
        assert (said["tracker.post"], said["tracker.rule"], said["tracker.state"]) == ("p1", "tell-the-cms", "done")
        assert far.parents == [f"00-{trace.hex()}-{action.span_id.hex()}-01"]
        refused = (await client.get(f"{service.url}/api/v1/posts")).json()
        await until(lambda: any(span.trace_id.hex() == refused["trace"] for span in far.spans), "its span is sent")
        lines = [json.loads(line) for line in service.log_end().splitlines() if "action.ended" in line]
        assert [line["trace_id"] for line in lines] == [trace.hex()]


async def test_what_is_not_sampled_is_sent_to_nobody_and_all_goes_on(tmp_path: Path, database_url: str) -> None:
    async with others() as far:
        async with traced(tmp_path, database_url, far, 0.0) as service, plain_http.client() as client:
            answer = await client.post(f"{service.url}/webhooks/sosyalkopru", content=BODY, headers=SIGNED)
            assert answer.json() == {"received": True}, answer.text
            await until(lambda: bool(far.parents), "the other system is told")
        assert far.spans == []
        assert far.parents[0].endswith("-00")
