"""What the API takes and answers about backtests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from tracker.domain.runs.firing import Firing
from tracker.process.backtest import Found, Held

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
    """Some firings."""

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


def backtest_out(found: Found, rules: Sequence[Held], most: int | None = MOST_SHOWN) -> BacktestOut:
    """A backtest as it is shown, for these of its rules, with so many firings of each side (None: all)."""
    items = [_held_out(held, most) for held in rules]
    return BacktestOut(found.span.since, found.span.until, found.began, found.changes, items)


def _held_out(held: Held, most: int | None) -> HeldOut:
    would, did, gained, lost = (_side_out(some, most) for some in (held.would, held.did, held.gained, held.lost))
    return HeldOut(held.rule, held.revision, held.since, would, did, gained, lost, held.held_back)


def _side_out(some: Sequence[Firing], most: int | None) -> SideOut:
    newest = sorted(some, key=lambda one: one.at, reverse=True)[:most]
    return SideOut(len(some), [FiringOut(f.at, f.provider, f.post, f.key, str(f.outcome)) for f in newest])
