"""Telling a server that works long from one that no longer hears us.

A network that has forgotten a connection swallows what is sent, and nobody says so; new connections work. So where an
answer is overdue, another connection asks the server what it is doing. As long as it works at it, we wait; where it
waits for us twice running, and nothing has come in between, the question or the answer is lost, and we hang up. What
we hung up on is ended at the server, too, with the locks that it holds.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

import asyncpg

from tracker.runtime.logger import Logger
from tracker.store.session import Bounds, connect, hang_up

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from tracker.store.session import Session

    Backend = tuple[int, datetime]

log = Logger(__name__)

LOOK = 1.0
OVERDUE = 2.0
ALARMED = 0.5
"""An answer is overdue that soon while others have just been found lost."""
ALARM = 10.0
LOOKING = Bounds(statement=3, lock=1, pause=3)

WHO_AM_I = "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()"

STANDSTILL = """
select pid, backend_start,
       case when state like 'idle%' or wait_event = 'ClientRead'
            then concat_ws(' ', state, state_change, bytes_processed) end as sign
  from pg_stat_activity join unnest($1::integer[], $2::timestamptz[]) as asked (pid, backend_start)
       using (pid, backend_start)
  left join pg_stat_progress_copy using (pid)
"""
"""Where a server waits for its client, a sign that is another one as soon as anything has come; else null."""

END = """
select pg_terminate_backend(pid)
  from pg_stat_activity join unnest($1::integer[], $2::timestamptz[]) as left_behind (pid, backend_start)
       using (pid, backend_start)
"""


class Lifeline:
    """Looks after all sessions of one process with one database."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._sessions: WeakSet[Session] = WeakSet()
        self._suspects: dict[Session, tuple[float, str | None]] = {}
        self._left_behind: set[Backend] = set()
        self._alarmed_until = float("-inf")
        self._line: Session | None = None

    async def look_after(self, session: Session) -> None:
        """Watch the session from now on, until it is closed."""
        session.backend = tuple(await session.fetchrow(WHO_AM_I))
        session.hung_up = self._leave_behind
        self._sessions.add(session)

    async def run(self) -> None:
        """Ask the server about sessions that wait too long, until cancelled."""
        try:
            while True:
                await asyncio.sleep(LOOK)
                overdue = self._overdue()
                if overdue or self._left_behind:
                    await self._look(overdue)
                elif self._line:
                    await self._drop()
        finally:
            if self._line:
                self._line.terminate()

    def _overdue(self) -> dict[Session, float]:
        now = asyncio.get_running_loop().time()
        patience = ALARMED if now < self._alarmed_until else OVERDUE
        waiting = {session: session.waiting_since for session in self._sessions if session.waiting_since is not None}
        return {session: since for session, since in waiting.items() if now - since >= patience}

    async def _look(self, overdue: dict[Session, float]) -> None:
        try:
            self._line = self._line or await connect(self._dsn, LOOKING)
            await self._end(self._left_behind)
            signs = await self._signs(overdue)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            log.debug("database.not_asked", error=str(error) or type(error).__name__)
            await self._drop()
            return
        silent = {s: (since, signs[s]) for s, since in overdue.items() if s.waiting_since == since and signs[s]}
        lost = [session for session, how in silent.items() if self._suspects.get(session) == how]
        self._suspects = silent
        if lost:
            self._give_up(lost)

    async def _signs(self, sessions: Collection[Session]) -> dict[Session, str | None]:
        """For each of them the sign that its server stands still, if it does; one that is gone does, too."""
        if not (line := self._line) or not sessions:
            return {}
        rows = await line.fetch(STANDSTILL, *_columns([s.backend for s in sessions if s.backend]))
        signs: dict[Backend | None, str | None] = {(row["pid"], row["backend_start"]): row["sign"] for row in rows}
        return {session: signs.get(session.backend, "gone") for session in sessions}

    async def _end(self, backends: set[Backend]) -> None:
        if self._line and backends:
            with suppress(asyncpg.InsufficientPrivilegeError):
                await self._line.execute(END, *_columns([*backends]))
            self._left_behind = self._left_behind - backends

    def _give_up(self, lost: list[Session]) -> None:
        """Hang up on these, and on what nobody uses at the moment: it went the same way."""
        log.warning("database.silent", connections=len(lost))
        self._alarmed_until = asyncio.get_running_loop().time() + ALARM
        idle = [s for s in self._sessions if s.expendable and s.waiting_since is None and not s.is_closed()]
        for session in (*lost, *idle):
            self._leave_behind(session)
            session.terminate()

    def _leave_behind(self, session: Session) -> None:
        if session.backend:
            self._left_behind = self._left_behind | {session.backend}

    async def _drop(self) -> None:
        if self._line:
            line, self._line = self._line, None
            await hang_up(line)


def _columns(backends: Collection[Backend]) -> tuple[list[int], list[datetime]]:
    return [pid for pid, _ in backends], [began for _, began in backends]
