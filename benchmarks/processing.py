"""The log made into posts, by ours, plain SQL or an ORM: `... processing HOW DSN EVENTS [FIRST ROUND]`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import orm, plain_fold
from benchmarks.measuring import children_cpu
from benchmarks.stories import START, fill
from benchmarks.turns import done, go, rounds
from tracker.domain.rules.rule_index import RuleIndex
from tracker.facts.codec import fact_readers
from tracker.process import processor
from tracker.process.processor import Pace, Processor
from tracker.process.rebuild import Rebuild
from tracker.providers import build_providers
from tracker.runtime import tuning
from tracker.runtime.telemetry import configure_logging
from tracker.runtime.tuning import collected_seldom
from tracker.settings import Settings
from tracker.store.checkpoints import assignments
from tracker.store.database import Database
from tracker.store.log.feed import beginning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.providers.base import FactReader

PER_COMMIT = 500


def readers() -> Mapping[str, FactReader]:
    """Of the one provider."""
    providers = {"sosyalkopru": {"kind": "sosyalkopru", "api_url": "http://127.0.0.1", "webhook_secrets": ["-"]}}
    return fact_readers(build_providers(Settings.model_validate({"providers": providers})))


async def a_processor(database: Database) -> Processor:
    """At the beginning of the log, as `tracker serve` runs it with its default settings, but without rules."""
    engine, no_rules = Settings().engine, RuleIndex(())
    async with database.transaction() as conn:
        await assignments.create(conn, processor.NAME, beginning(1))
    pace = Pace(engine.batch, engine.lease, engine.poll)
    node = Processor(database, "benchmark", lambda: START, readers(), lambda: no_rules, pace)
    await node.tend()
    return node


async def live(database: Database, events: int, first: int) -> None:
    node = await a_processor(database)
    await node.drain()
    for number in rounds(first):
        await fill(database, events, number)
        go()
        await node.drain()
        done(events)


async def rebuilt(database: Database, events: int, first: int) -> None:
    node = await a_processor(database)
    for number in rounds(first):
        await fill(database, events, number)
        await node.drain()
        go()
        before = children_cpu()
        difference = await Rebuild(database, readers(), lambda: START, lambda _done, _total: None).run()
        assert difference.none, "a rebuild must say the same"
        done(events * (number + 1), children=children_cpu() - before)


OURS = {"live": live, "rebuilt": rebuilt}


async def run(how: str, dsn: str, events: int, first: int) -> None:
    async with Database.open(dsn) as database:
        if how in OURS:
            await OURS[how](database, events, first)
        elif how == "plain":
            await plain_fold.project(database, events)
        else:
            await orm.project(database, events, PER_COMMIT if how == "orm_pages" else 1)


def main() -> None:
    configure_logging("json", "error")
    how, dsn, *numbers = sys.argv[1:]
    events, first = map(int, (*numbers, "0")[:2])
    with collected_seldom():
        tuning.run(run(how, dsn, events, first))


if __name__ == "__main__":
    main()
