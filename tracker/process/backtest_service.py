"""A trial: the text of some rules played on the real log beside the rules in force, one trial at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tracker.domain.rules.rule_index import RuleIndex
from tracker.errors import Rejected, Unavailable
from tracker.process.backtest import Backtest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.errors import Misconfigured
    from tracker.process.backtest import Found, Span
    from tracker.rulebook import Rulebook
    from tracker.rulebook.source import RuleSource
    from tracker.store.database import Database

PATIENCE = 120.0
"""In seconds."""

MOST_FAULTS = 100


class Unreadable(Rejected):
    """A rule text that cannot be put in force."""

    def __init__(self, faults: Sequence[Misconfigured]) -> None:
        super().__init__("rules-refused", "; ".join(map(str, faults[:3])))
        self.faults = faults[:MOST_FAULTS]


class NothingToTry(Rejected):
    """A text without a rule."""

    def __init__(self, why: str) -> None:
        super().__init__("nothing_to_try", why)


class TooLong(Rejected):
    """The log of the span takes longer than anybody waits."""

    def __init__(self) -> None:
        super().__init__(
            "too_long", f"this takes longer than {PATIENCE:.0f} s: try a shorter span, or `tracker rules backtest`"
        )


class Busy(Unavailable):
    """Somebody else's trial is under way."""

    def __init__(self) -> None:
        super().__init__("another backtest is under way", retry_after=10)


class BacktestService:
    """Tries rule texts for everybody; nothing is done, and nothing is kept."""

    def __init__(self, database: Database, rules: RuleSource) -> None:
        self._database, self._rules, self._turn = database, rules, asyncio.Lock()

    async def run(self, text: str, span: Span) -> Found:
        """What the rules of the text would have done in the span; they stand in for those of the same id.

        Raises Unreadable with what is wrong with the text, NothingToTry, TooLong, and Busy.
        """
        if self._turn.locked():
            raise Busy
        async with self._turn:
            return await self._played(await asyncio.to_thread(self._read, text), span)

    def _read(self, text: str) -> Rulebook:
        if "\x00" in text:
            raise NothingToTry("contains a zero byte")
        book = self._rules.read(text)
        if book.faults:
            raise Unreadable(book.faults)
        if not book.rules:
            raise NothingToTry("there is no rule in it: write [rule.<id>] and what it reacts to")
        return book

    async def _played(self, book: Rulebook, span: Span) -> Found:
        own = {rule.id for rule in book.rules}
        tried = RuleIndex([*(rule for rule in self._rules.index() if rule.id not in own), *book.rules])
        try:
            async with asyncio.timeout(PATIENCE) as patience:
                return await Backtest(self._database).run(tried, span, own)
        except (TimeoutError, Unavailable) as error:
            # A statement that is cut short may say so as if the database were away.
            if patience.expired():
                raise TooLong from error
            raise
