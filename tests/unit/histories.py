"""Random legal histories of one post: several targets, several attempts, told by a provider in many ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from hypothesis import strategies as st
from msgspec.structs import replace

from tracker.domain.posts.event import Fact, Problem, State, TargetFact, dated
from tracker.domain.posts.target import ENDED

EPOCH = datetime(2026, 11, 1, 9, tzinfo=UTC)
PLATFORMS = ("instagram", "x", "linkedin", "tiktok")


def fact(second: int, state: State | None, targets: tuple[TargetFact, ...] = (), **more: object) -> Fact:
    """A fact whose id follows from what it says, as the hash of a signed body does."""
    told = f"{second}|{state}|{targets}|{sorted(more.items(), key=str)}"
    moment = EPOCH + timedelta(seconds=second)
    values: dict[str, object] = {
        "id": sha256(told.encode()).hexdigest()[:16],
        "provider": "sosyalkopru",
        "post": "p1",
        "event": f"post.{state or 'updated'}",
        "source": "sosyalkopru",
        "occurred_at": moment,
        "received_at": moment,
        "position": second,
        "state": state,
        "targets": targets,
    }
    return Fact(**(values | more))  # type: ignore[arg-type]  # the test states only what it is about


def target(platform: str, state: State | None, account: str | None = None, ordinal: int = 1) -> TargetFact:
    """One platform's part of a fact."""
    problem = Problem("timeout", "timed out", retryable=True) if state is State.FAILED else None
    return TargetFact(platform, account, ordinal, state, problem=problem)


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Up to four attempts of up to four targets; facts may share a moment, name no target, or number the attempt."""
    names = draw(st.lists(st.sampled_from(PLATFORMS), max_size=4))
    keys = [(name, names[: place + 1].count(name)) for place, name in enumerate(names)]
    numbered = draw(st.booleans())
    clock, facts = 0, []
    pending = list(keys)
    for attempt in range(1, draw(st.integers(1, 4)) + 1):
        ended = {key: draw(st.sampled_from([State.PUBLISHED, State.FAILED])) for key in pending}
        whole = draw(st.sampled_from([State.PUBLISHED, State.FAILED, State.PARTIAL, State.REMOVED]))
        for state in (State.SCHEDULED, State.PUBLISHING, None, whole):
            if draw(st.integers(0, 9)) == 0:
                continue
            clock += draw(st.integers(0, 3))
            told = tuple(
                target(name, (ended[name, n] if state in (whole, None) else state), ordinal=n)
                for name, n in pending
                if draw(st.integers(0, 4))
            )
            more = {"attempt": attempt} if numbered and draw(st.booleans()) else {}
            facts.append(fact(clock, state, told if draw(st.booleans()) else (), **more))
        pending = [key for key in pending if ended[key] is State.FAILED] or list(keys)
    return facts


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Fact], list[Fact]]:
    """A history, and one way in which it may arrive: in any order, each fact at least once, some again."""
    facts = draw(histories())
    again = draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    return facts, draw(st.permutations([*facts, *again]))


@st.composite
def wild_histories(draw: st.DrawFn) -> list[Fact]:
    """The same as providers really tell them.

    Accounts, platforms and items are named in some messages and not in others; listings leave targets out or take up
    new ones; clocks are ahead, tell whole seconds or minutes, or no time; ends are said again, of the post or of one of
    its targets alone, and words are unknown.
    """
    accounts = [None, "a", "b"]
    there = draw(st.lists(st.tuples(st.sampled_from(PLATFORMS[:2]), st.sampled_from(accounts)), max_size=4))
    unit, ahead = draw(st.sampled_from([0, 0, 1, 60])), draw(st.sampled_from([0, 0, 2, 10_800]))
    told: list[Fact] = []
    clock = 0
    for _ in range(draw(st.integers(1, 9))):
        clock += draw(st.integers(0, 4))
        if there and draw(st.integers(0, 5)) == 0:
            there = there[1:]
        if draw(st.integers(0, 5)) == 0:
            there = [*there, (draw(st.sampled_from(PLATFORMS[:2])), draw(st.sampled_from(accounts)))]
        state = draw(st.sampled_from([None, *State]))
        words = [draw(wild_words(platform, account, state)) for platform, account in there if draw(st.integers(0, 3))]
        listed = [replace(word, ordinal=_place(words, n)) for n, word in enumerate(words)]
        happened = EPOCH + timedelta(seconds=clock)
        arrived = happened + timedelta(seconds=draw(st.sampled_from([0, 0, 0.3, 2, 90])))
        moment = None if draw(st.integers(0, 3)) == 0 else _in_units(happened, unit) + timedelta(seconds=ahead)
        occurred_at, is_dated, far = dated(moment, arrived)
        more = {"attempt": draw(st.integers(1, 3))} if draw(st.integers(0, 5)) == 0 else {}
        told.append(
            fact(
                clock, state, tuple(listed) if draw(st.integers(0, 2)) else (), received_at=arrived,
                occurred_at=occurred_at, dated=is_dated, ahead=far, unit=timedelta(seconds=unit if is_dated else 0),
                event=draw(st.sampled_from([f"post.{state or 'updated'}", "post.changed"])),
                source=draw(st.sampled_from(["sosyalkopru"] * 4 + ["reconcile", "action"])),
                ends_by_name=draw(st.booleans()) if state is None else state in ENDED,
                lists_whole=len(listed) == len(there) and draw(st.booleans()),
                raw_status="ARCHIVED" if state is None and draw(st.booleans()) else None, **more,
            )
        )  # fmt: skip
    return told


@st.composite
def wild_words(draw: st.DrawFn, platform: str, account: str | None, whole: State | None) -> TargetFact:
    """One target's part, named more or less fully."""
    state = draw(st.sampled_from([whole, whole, None, State.PUBLISHED, State.FAILED, State.PUBLISHING]))
    named = draw(st.booleans())
    item = draw(st.sampled_from([None, None, "1", "2"])) if named else None
    shown = "unknown" if named and account and draw(st.integers(0, 3)) == 0 else platform
    raw = "ODD" if state is None and draw(st.booleans()) else None
    return replace(target(shown, state, account if named else None), item=item, raw_status=raw)


@st.composite
def wild_deliveries(draw: st.DrawFn) -> tuple[list[Fact], list[Fact], list[int]]:
    """A wild history, one way in which it may be read, and where the batches are cut in which it is."""
    facts = draw(wild_histories())
    again = draw(st.lists(st.sampled_from(facts), max_size=5))
    order = draw(st.permutations([*facts, *again]))
    return facts, order, draw(st.lists(st.integers(0, len(order)), max_size=4))


def _place(words: list[TargetFact], number: int) -> int:
    """Which of the words of its platform that name no account it is."""
    word = words[number]
    return 1 if word.account else sum(1 for w in words[: number + 1] if w.platform == word.platform and not w.account)


def _in_units(moment: datetime, unit: int) -> datetime:
    return moment.replace(second=0) if unit == 60 else moment
