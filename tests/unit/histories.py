"""Random legal histories of one post: several targets, several attempts, told by a provider in many ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from hypothesis import strategies as st

from tracker.domain.posts.event import Fact, Problem, State, TargetFact

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
