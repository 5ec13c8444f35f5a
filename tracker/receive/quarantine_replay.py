"""Replaying the quarantine: what was put right is taken into the log under its own id and with its own time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.errors import Rejected
from tracker.receive.receiver import incoming
from tracker.store.log import event_log, quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tracker.providers.base import Provider
    from tracker.store.database import Connection, Database
    from tracker.store.log.quarantine import Kept


SETTLED = frozenset({"replayed", "discarded"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a quarantined delivery: `kept`, `duplicate`, or `held` still, for `reason`."""

    item: int
    outcome: str
    reason: str = ""
    position: int | None = None


class Replay:
    """Tries quarantined deliveries against the providers as they are configured now."""

    def __init__(self, database: Database, doors: Mapping[str, Provider], clock: Callable[[], datetime]) -> None:
        self._database, self._doors, self._clock = database, doors, clock
        self._promised: set[tuple[str, bytes]] = set()

    async def replay(self, item: int, *, dry_run: bool = False) -> Verdict:
        """Take one delivery into the log, or (`dry_run`) say what would become of it. Raises NotFound.

        Of several dry runs, the later ones reckon with what the earlier ones would have taken.
        """
        async with self._database.transaction() as conn:
            kept = await quarantine.get(conn, item, hold=True)
            if kept.state != "held":
                return Verdict(item, kept.state, "it was settled before")
            try:
                event = self._understand(kept)
            except Rejected as error:
                return Verdict(item, "held", error.code)
            if dry_run:
                return await self._foretell(conn, item, event)
            try:
                (receipt,) = await event_log.append(conn, [event])
            except event_log.Unstorable:
                return Verdict(item, "held", "unstorable")
            await quarantine.settle(conn, item, "replayed", self._clock())
        return Verdict(item, "duplicate" if receipt.duplicate else "kept", position=receipt.position)

    async def decide(self, item: int, *, dry_run: bool = False) -> Verdict:
        """Replay one delivery that must still be held: raises NotFound, and Rejected when it was settled before."""
        verdict = await self.replay(item, dry_run=dry_run)
        if verdict.outcome in SETTLED:
            raise _settled_before(item, verdict.outcome)
        return verdict

    async def _foretell(self, conn: Connection, item: int, event: event_log.Incoming) -> Verdict:
        same = (event.source, event.body_hash)
        known = await event_log.position_of(conn, *same)
        outcome = "duplicate" if known is not None or same in self._promised else "kept"
        self._promised.add(same)
        return Verdict(item, outcome, position=known)

    async def discard(self, item: int, *, dry_run: bool = False) -> None:
        """Give a delivery up, unless `dry_run`; it stays on record.

        Raises NotFound, or Rejected when it was settled before.
        """
        async with self._database.transaction() as conn:
            kept = await quarantine.get(conn, item, hold=True)
            if kept.state != "held":
                raise _settled_before(item, kept.state)
            if not dry_run:
                await quarantine.settle(conn, item, "discarded", self._clock())

    def _understand(self, kept: Kept) -> event_log.Incoming:
        """An authentic one was verified at the door; the secret of that time may be gone by now."""
        door = self._doors.get(kept.provider)
        if door is None:
            raise Rejected("unknown_provider", f"no [providers.{kept.provider}] is configured")
        if not kept.authentic:
            door.verify(kept.headers, kept.body, kept.received_at)
        return incoming(kept.provider, door.read(kept.headers, kept.body), kept.body, kept.received_at)


def _settled_before(item: int, state: str) -> Rejected:
    return Rejected("settled", f"item {item} was {state} before")
