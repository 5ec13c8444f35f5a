"""From events to posts: the processor as it is, live and in a rebuild, beside an ORM that goes row by row."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.comparing import Comparison, Figures, Side, cost, rate
from benchmarks.programs import python, work

if TYPE_CHECKING:
    from benchmarks.bench import Bench

PER_SECOND, ORM_PER_SECOND = 2500, 400
LIVE, REBUILT, PLAIN = "processor", "rebuild", "plain SQL, 500 a commit"
ORM, ORM_PAGES = "ORM, a commit each", "ORM, 500 a commit"
ABOUT = {
    LIVE: "tracker's fold with targets, attempts and late facts, batched; no rule is in force",
    REBUILT: "the same from the beginning, beside the posts in use, and compared",
    PLAIN: "plain SQL: the last status, attempts and a row for each change; no targets, no late facts",
    ORM: "SQLModel: get the post, change it, add a change, commit",
    ORM_PAGES: "the same with a commit for every 500 events",
}


def compare(bench: Bench) -> list[Comparison]:
    """All of them, in alternation; the ORM goes through fewer events, and figures are for each."""
    many, few = bench.many(PER_SECOND), bench.many(ORM_PER_SECOND)
    measures = {
        LIVE: partial(measure, bench, "live", many),
        REBUILT: partial(measure, bench, "rebuilt", many),
        PLAIN: partial(measure, bench, "plain", many),
        ORM: partial(measure, bench, "orm", few),
        ORM_PAGES: partial(measure, bench, "orm_pages", few),
    }
    sides = [Side(name, ABOUT[name], one) for name, one in measures.items()]
    found = bench.alternate("processor", f"Processing {many:,} events on {many // 5:,} posts", sides)
    for name in (PLAIN, ORM, ORM_PAGES):
        found.beside(f"rate, tracker ÷ {name}", LIVE, name, rate)
        found.beside(f"CPU for each, tracker ÷ {name}", LIVE, name, cost)
    return [found]


def measure(bench: Bench, how: str, events: int, _run: int) -> Figures:
    """On a log that is filled before the clock runs."""
    with bench.store.fresh() as dsn:
        return work(command(dsn, how, events))


def command(dsn: str, how: str, events: int, first: int = 0) -> list[str]:
    """The program, which projects so many in each round."""
    return python("benchmarks.processing", how, dsn, events, first)
