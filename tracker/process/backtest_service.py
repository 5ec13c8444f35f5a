"""A backtest on demand: the text of some rules played on the real log, one at a time; and what is shown of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.runs.engine_state import Firing
from tracker.errors import Rejected, Unavailable
from tracker.process.backtest import Backtest, Found, Held
from tracker.queries.rule_plan import RulePlan, rule_plan

if TYPE_CHECKING:
    from tracker.errors import Misconfigured
    from tracker.process.backtest import Span
    from tracker.rulebook import Rulebook
    from tracker.rulebook.source import RuleSource
    from tracker.store.database import Database
    from tracker.stream.changes import Readers

MOST_SHOWN = 200


class NewBacktest(Struct, frozen=True, forbid_unknown_fields=True):
    """Rules to be tried, and on which part of the log."""

    text: Annotated[str, Meta(description="The text of a rule file; its rules stand in for those of the same id.")]
    since: Annotated[str, Meta(description="How long ago it begins, as in 30d, or a time with a zone.")] = "30d"
    until: Annotated[str | None, Meta(description="A time with a zone; null: now.")] = None


class FiringOut(Struct, frozen=True):
    """A firing, on record or not."""

    at: datetime
    provider: str
    post: str | None
    key: Annotated[str, Meta(description="What the rule counts as one.")]
    outcome: Annotated[str, Meta(description="fired, joined or queued.")]


class SideOut(Struct, frozen=True):
    """How many firings there are of one kind, and the newest of them."""

    count: int
    newest: Annotated[list[FiringOut], Meta(description=f"The newest {MOST_SHOWN} of them, the newest first.")]


class HeldOut(Struct, frozen=True):
    """What one rule would have done, beside what it did."""

    rule: str
    revision: str | None
    in_force_since: Annotated[datetime | None, Meta(description="null: the rule is not in force with this meaning.")]
    would: Annotated[SideOut, Meta(description="What would have fired.")]
    did: Annotated[SideOut, Meta(description="What is on record, under whatever meaning the rule had then.")]
    gained: Annotated[SideOut, Meta(description="What would have fired and did not.")]
    lost: Annotated[SideOut, Meta(description="What did fire and would not have.")]
    held_back: Annotated[int, Meta(description="What would have been counted or suppressed, or been an error.")]


class BacktestOut(Struct, frozen=True):
    """How rules do on the real log; nothing was done, and nothing is kept."""

    since: datetime
    until: Annotated[datetime, Meta(description="As far as the rules in force have come, at most.")]
    began: Annotated[datetime, Meta(description="Where the play began, so that what was under way then is known.")]
    changes: Annotated[int, Meta(description="How many changes were played.")]
    items: list[HeldOut]
    plan: Annotated[list[RulePlan], Meta(description="What becomes of timers and runs if the text is put in force.")]


def backtest_out(
    found: Found, rules: Sequence[Held], plans: Sequence[RulePlan] = (), most: int | None = MOST_SHOWN
) -> BacktestOut:
    """A backtest as it is shown, for these of its rules, with so many firings of each side (None: all)."""
    items = [_held_out(held, most) for held in rules]
    return BacktestOut(found.span.since, found.span.until, found.began, found.changes, items, list(plans))


def _held_out(held: Held, most: int | None) -> HeldOut:
    would, did, gained, lost = (_side_out(some, most) for some in (held.would, held.did, held.gained, held.lost))
    return HeldOut(held.rule, held.revision, held.since, would, did, gained, lost, held.held_back)


def _side_out(some: Sequence[Firing], most: int | None) -> SideOut:
    newest = sorted(some, key=lambda one: one.at, reverse=True)[:most]
    return SideOut(len(some), [FiringOut(f.at, f.provider, f.post, f.key, str(f.outcome)) for f in newest])


PATIENCE = 120.0
"""In seconds."""

MOST_FAULTS = 100


class Unreadable(Rejected):
    """Raised for a rule text that cannot be put in force."""

    def __init__(self, faults: Sequence[Misconfigured]) -> None:
        super().__init__("rules-refused", "; ".join(map(str, faults[:3])))
        self.faults = faults[:MOST_FAULTS]


class NothingToTry(Rejected):
    """Raised for a text without a rule."""

    def __init__(self, why: str) -> None:
        super().__init__("nothing_to_try", why)


class TooLong(Rejected):
    """Raised when the log of the span takes longer to play than anybody waits."""

    def __init__(self) -> None:
        super().__init__(
            "too_long", f"this takes longer than {PATIENCE:.0f} s: try a shorter span, or `tracker rules backtest`"
        )


class Busy(Unavailable):
    """Raised when somebody else's backtest is under way."""

    def __init__(self) -> None:
        super().__init__("another backtest is under way", retry_after=10)


class BacktestService:
    """Tries rule texts for everybody; nothing is done, and nothing is kept."""

    def __init__(self, database: Database, readers: Readers, rules: RuleSource) -> None:
        self._database, self._readers, self._rules, self._turn = database, readers, rules, asyncio.Lock()

    async def run(self, text: str, span: Span, now: datetime) -> tuple[Found, list[RulePlan]]:
        """What the rules of the text would have done in the span, and what it comes to if they are put in force.

        They stand in for those of the same id. Raises Unreadable with what is wrong with the text, NothingToTry,
        TooLong, and Busy.
        """
        if self._turn.locked():
            raise Busy
        async with self._turn:
            return await self._played(await asyncio.to_thread(self._read, text), span, now)

    def _read(self, text: str) -> Rulebook:
        if "\x00" in text:
            raise NothingToTry("contains a zero byte")
        book = self._rules.read(text)
        if book.faults:
            raise Unreadable(book.faults)
        if not book.rules:
            raise NothingToTry("there is no rule in it: write [rule.<id>] and what it reacts to")
        return book

    async def _played(self, book: Rulebook, span: Span, now: datetime) -> tuple[Found, list[RulePlan]]:
        own = {rule.id for rule in book.rules}
        tried = RuleIndex([*(rule for rule in self._rules.index() if rule.id not in own), *book.rules])
        asked = [*(rule for rule in self._rules.rules() if rule.id not in own), *book.rules]
        try:
            async with asyncio.timeout(PATIENCE):
                found = await Backtest(self._database, self._readers).run(tried, span, own)
                async with self._database.snapshot(unhurried=True) as conn:
                    plans = await rule_plan(conn, asked, now)
        except TimeoutError as error:
            raise TooLong from error
        return found, [one for one in plans if one.rule in own]
