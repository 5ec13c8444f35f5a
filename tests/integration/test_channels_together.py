"""Channels in one worker: those that hang delay no other, and a resolution finds the message of its alert."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.integration.hostile import read_request, serving
from tests.integration.test_channels_mail import Post, post_office
from tests.integration.told import NOON, PROVIDER
from tests.waiting import until
from tracker.act.performers.channels import build_performers
from tracker.act.worker import Capacity, Worker
from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import payload_of
from tracker.domain.runs.engine_state import ActionRequest
from tracker.outbound.addresses import Allowed, OutboundError
from tracker.outbound.client import Outbound
from tracker.settings import Settings
from tracker.store.actions import actions
from tracker.store.wakeups import Wakeups

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

HANGING = 40
SOON = 5.0


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


class Sink:
    """A system that takes what it is posted."""

    def __init__(self) -> None:
        self.got = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            self.got += 1
            writer.write(b"HTTP/1.1 204 Fine\r\n\r\n")
            await writer.drain()


def by_mail(port: int) -> dict[str, Any]:
    return {"kind": "email", "host": "127.0.0.1", "port": port, "tls": "none", "from": "a@x.test", "to": ["b@x.test"]}


async def intend(database: Database, channel: str, count: int = 1, **said: object) -> None:
    payloads = [payload_of("alert", {"title": f"{channel} {n}", "key": f"{n}", **said}) for n in range(count)]
    specs = [ActionSpec("alert", channel, payload, str(uuid4()), NOON) for payload in payloads]
    async with database.transaction() as conn:
        await actions.intend(conn, [ActionRequest(spec, "r", "1", uuid4(), PROVIDER, "p") for spec in specs], NOON)


@asynccontextmanager
async def working(database: Database, dsn: str, channels: dict[str, Any]) -> AsyncIterator[Worker]:
    """A worker with the capacity of the default settings, and with channels that wait for a minute."""
    settings = Settings.model_validate({"channels": channels})
    async with (
        Outbound(Allowed.parse(["127.0.0.1"]), timeout=timedelta(minutes=1)) as outbound,
        Wakeups(dsn).listening() as wakeups,
    ):
        capacity = Capacity(actions=settings.engine.actions, poll=timedelta(seconds=0.2))
        worker = Worker(database, build_performers(settings, {}, outbound), "w", lambda: NOON, capacity)
        running = asyncio.create_task(worker.run(wakeups))
        try:
            yield worker
        finally:
            running.cancel()
            await worker.settle(0)
            await asyncio.wait([running])


async def done(database: Database, channel: str) -> int:
    async with database.connection() as conn:
        count: int = await conn.fetchval("select count(*) from actions where target = $1 and state = 'done'", channel)
    return count


async def until_done(database: Database, channel: str, count: int) -> None:
    async def reached() -> bool:
        return await done(database, channel) >= count

    await until(reached, f"{count} done by {channel}", SOON)


async def test_a_mail_server_and_a_sink_that_hang_delay_no_other_channel(database: Database, database_url: str) -> None:
    """Neither what waits already, nor what comes later, although both hold all the places that they can."""
    sink = Sink()
    async with serving(silent) as mail, serving(silent) as http, serving(sink.serve) as fine, post_office() as post:
        channels = {
            "mail": by_mail(mail.port),
            "hook": {"kind": "webhook", "url": http.url()},
            "fine": {"kind": "webhook", "url": fine.url()},
            "team": by_mail(post.port),
        }
        for channel, count in (("mail", HANGING), ("hook", HANGING), ("fine", 10), ("team", 10)):
            await intend(database, channel, count)
        async with working(database, database_url, channels):
            await until_done(database, "fine", 10)
            await until_done(database, "team", 10)
            assert (mail.connections, http.connections) >= (1, 1)
            await intend(database, "fine", 5)
            await intend(database, "team", 5)
            await until_done(database, "fine", 15)
            await until_done(database, "team", 15)
            assert (await done(database, "mail"), await done(database, "hook")) == (0, 0)
    assert (sink.got, len(post.taken)) == (15, 15)


async def test_a_name_server_that_is_silent_for_one_name_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its look-ups wait for one answer together, and so take one of the threads that all names share."""
    real, answered, asked = socket.getaddrinfo, threading.Event(), []

    def look_up(host: str, *rest: Any, **more: Any) -> Any:
        if host == "silent.example":
            asked.append(host)
            answered.wait(30)
            raise socket.gaierror("no answer")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    sink = Sink()
    async with serving(sink.serve) as fine, Outbound(Allowed.parse(["localhost"])) as outbound:
        waiting = [asyncio.create_task(outbound.request("GET", "http://silent.example/")) for _ in range(50)]
        async with asyncio.timeout(SOON):
            assert (await outbound.request("GET", fine.url(host="localhost"))).status == 204
        answered.set()
        failed = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(error) for error in failed} == {OutboundError}
    assert len(asked) == 1


async def test_a_resolution_finds_the_message_of_its_alert_after_a_restart(
    database: Database, database_url: str
) -> None:
    async with post_office() as post:
        channels = {"team": by_mail(post.port)}
        await intend(database, "team")
        async with working(database, database_url, channels):
            await until_done(database, "team", 1)
        await intend(database, "team", resolved=True)
        async with working(database, database_url, channels):
            await until_done(database, "team", 2)
    first, resolved = messages_of(post)
    assert resolved == first


def messages_of(post: Post) -> list[str]:
    """What each message is about: the one that it refers to, or itself."""
    return [str(message["References"] or message["Message-ID"]) for message in post.messages]
