"""A Postgres that hangs is ended and started anew; one that recovers, or has too much to do, is left alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import asyncpg
import psutil
import pytest

from tests.waiting import until, wait_until
from tracker.embedded.embedded import STOP, EmbeddedPostgres, kept_running
from tracker.embedded.vigil import FEWEST_LOOKS, Answer, Vigil, knock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 0.4
READY = "ready to accept connections"
DEAF = """
import socket, sys, time
door = socket.socket(socket.AF_UNIX)
door.bind(sys.argv[1])
door.listen()
print("listens", flush=True)
while True:
    if sys.argv[2] == "idle":
        time.sleep(1)
"""


def postmaster(server: EmbeddedPostgres) -> psutil.Process:
    return psutil.Process(int((server.folder / "data" / "postmaster.pid").read_text().split()[0]))


def kept(server: EmbeddedPostgres) -> int:
    """What is in the table, asked until somebody answers."""

    async def run() -> int:
        async def told() -> int | None:
            with suppress(OSError, asyncpg.PostgresError):
                connection = await asyncpg.connect(server.dsn)
                try:
                    return int(await connection.fetchval("select answer from kept"))
                finally:
                    await connection.close()
            return None

        answer = await until(told, "the server answers")
        assert answer
        return answer

    return asyncio.run(run())


def keep(server: EmbeddedPostgres) -> None:
    """A row, and enough behind it that a recovery takes a while."""

    async def run() -> None:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("create table kept as select 42 as answer")
        await connection.execute("create table much as select repeat('x', 500) from generate_series(1, 100000)")
        await connection.close()

    asyncio.run(run())


def hang(server: EmbeddedPostgres) -> None:
    """Kill one process of the server, and then the one that recovers: the rest lives on, and waits for ever."""
    log, parent = server.folder / "postgres.log", postmaster(server)
    for _ in range(20):
        times = log.read_text().count(READY)
        parent.children()[0].kill()
        while log.read_text().count(READY) == times:
            for child in parent.children():
                with suppress(psutil.Error, IndexError):
                    if "startup" in child.cmdline()[0]:
                        child.kill()
                        wait_until(lambda: not recovering(parent))
                        if knock(str(server.folder)) is Answer.TURNED_AWAY:
                            return
    raise AssertionError("it recovers more quickly than it can be killed")


def recovering(parent: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("startup" in " ".join(child.cmdline()) for child in parent.children())
    return False


def test_a_server_that_waits_for_ever_is_started_anew_with_its_data(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg") as server:
        keep(server)
        hang(server)
        hung = postmaster(server)

        async def watched() -> None:
            keeping = asyncio.create_task(kept_running(server, PATIENCE))
            await until(lambda: not hung.is_running() or hung.status() == psutil.STATUS_ZOMBIE, "it is ended", 60)
            await until((server.folder / "data" / "postmaster.pid").exists, "another one begins", 60)
            keeping.cancel()

        asyncio.run(watched())
        assert kept(server) == 42


def test_a_server_that_waits_for_ever_is_stopped_without_waiting_for_it(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg") as server:
        keep(server)
        hang(server)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < STOP
        server.start()
        assert kept(server) == 42


def test_a_server_that_recovers_for_long_is_left_alone(tmp_path: Path) -> None:
    """It replays, and would for ever: a standby that is given no more to replay."""
    with EmbeddedPostgres(tmp_path / "pg"):
        pass
    (tmp_path / "pg" / "data" / "standby.signal").touch()
    server = EmbeddedPostgres(tmp_path / "pg", {"hot_standby": "off"})
    server.launch(server.clear())
    try:
        wait_until(lambda: knock(str(server.folder)) is Answer.TURNED_AWAY)
        vigil = server.vigil(0)
        assert vigil
        assert not any(vigil.hangs() for _ in range(3 * FEWEST_LOOKS))
        assert not vigil.is_stuck()
    finally:
        server.stop()


def test_a_server_that_answers_is_left_alone(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg") as server:
        vigil = server.vigil(0)
        assert vigil
        assert not any(vigil.hangs() for _ in range(3 * FEWEST_LOOKS))
        assert "FATAL" not in (server.folder / "postgres.log").read_text()


@contextmanager
def deaf(folder: Path, how: str) -> Iterator[psutil.Process]:
    """A process that takes connections and never says a word."""
    command = [sys.executable, "-c", DEAF, str(folder / ".s.PGSQL.5432"), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()


@pytest.mark.parametrize(("how", "hangs"), [("busy", False), ("idle", True)])
def test_one_that_does_not_answer_hangs_only_if_it_does_nothing_either(tmp_path: Path, how: str, hangs: bool) -> None:
    with deaf(tmp_path, how) as process:
        vigil = Vigil(process.pid, str(tmp_path), PATIENCE, deadline=0.1)
        assert any(vigil.hangs() for _ in range(3 * FEWEST_LOOKS)) is hangs


def test_one_that_was_stopped_hangs(tmp_path: Path) -> None:
    with deaf(tmp_path, "busy") as process:
        process.suspend()
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
        vigil = Vigil(process.pid, str(tmp_path), PATIENCE, deadline=0.1)
        wait_until(vigil.hangs)
