"""How fast rules are matched, with a thousand loaded and twenty candidates: `python -m benchmarks.rules`.

The pure part alone, in one process: what every rule makes of a change. The baseline is the same with no rules at all.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta

import psutil

from benchmarks.measuring import machine
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.change import Change
from tracker.domain.posts.event import Fact, Problem, State, TargetFact
from tracker.domain.rules.decide import decide
from tracker.domain.rules.rule_index import RuleIndex
from tracker.rulebook import Rulebook, load_text

START = datetime(2026, 11, 1, tzinfo=UTC)
CANDIDATES = 20


def rule(n: int) -> str:
    """The first twenty meet every failure, the next half another account's, and the rest other events."""
    do = f'do = [{{ alert = "ops", title = "{{{{ post.id }}}} failed {n}" }}]'
    if n < CANDIDATES:
        when = f"error.retryable && post.attempt < {n % 5 + 2} && error.code != 'e{n}'"
        return f'[rule.r{n}]\non = "post.failed"\nwhen = "{when}"\n{do}\n'
    if n % 2:
        return f'[rule.r{n}]\non = "post.failed"\nmatch = {{ account = "a{n}" }}\nwhen = "error.retryable"\n{do}\n'
    return f'[rule.r{n}]\non = "other.event{n}"\n{do}\n'


def failures(count: int) -> list[Change]:
    """Posts that were being published and have failed for a reason that no candidate accepts."""
    return [_failure(n) for n in range(count)]


def _failure(n: int) -> Change:
    at = START + timedelta(seconds=n)
    begun, failed = (
        Fact(
            f"{n}{state}", "sosyalkopru", f"p{n}", f"post.{state}", "sosyalkopru", at, at, n, state,
            targets=(TargetFact("instagram", "brand", 1, state, problem=problem),),
        )
        for state, problem in ((State.PUBLISHING, None), (State.FAILED, Problem("timeout", "too late", False)))
    )  # fmt: skip
    post, _ = arrive(None, begun)
    return arrive(post, failed)[1]


def measured(index: RuleIndex, changes: list[Change], rounds: int) -> float:
    """Microseconds of CPU for one change, the best of several rounds."""
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        for change in changes:
            decide(index, change)
        spent.append(time.process_time() - began)
    return min(spent) / len(changes) * 1e6


def loaded(text: str) -> tuple[Rulebook, float, float]:
    """The rules, the seconds of CPU that loading took, and the megabytes that they hold."""
    before, began = psutil.Process().memory_info().rss, time.process_time()
    book = load_text(text)
    seconds = time.process_time() - began
    return book, seconds, (psutil.Process().memory_info().rss - before) / 2**20


def main() -> None:
    """Load, measure, print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rules", type=int, default=1000)
    asked.add_argument("--changes", type=int, default=4000)
    asked.add_argument("--rounds", type=int, default=5)
    given = asked.parse_args()
    print(machine())
    book, seconds, held = loaded("\n".join(map(rule, range(given.rules))))
    print(f"loading {given.rules} rules     {seconds:6.2f} s CPU   {held:6.1f} MB of memory")
    changes = failures(given.changes)
    without = measured(RuleIndex(()), changes, given.rounds)
    one = measured(RuleIndex(book.rules[:1]), changes, given.rounds)
    all_of_them = measured(book.index, changes, given.rounds)
    print(f"no rule                {without:8.1f} µs")
    print(f"one candidate          {one:8.1f} µs")
    rate = f"{1e6 / all_of_them:,.0f} events/s on one core"
    print(f"{CANDIDATES} candidates of {given.rules} {all_of_them:8.1f} µs   {rate}")


if __name__ == "__main__":
    main()
