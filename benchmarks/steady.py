"""Hours of even load: do latency, dead rows and tables stay as they are while days are dropped beside a long reader?

`python -m benchmarks.steady [--minutes N] [--rate R] [--held SECONDS] [--minute SECONDS]`. The service has all roles
and a rule that reacts to every webhook. A transaction is always open that holds back vacuum, a new one after every
--held seconds. Before it begins, the log gets a day for each minute in the past; every minute one of them is dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from benchmarks.bench import tell_aside
from benchmarks.load import Load
from benchmarks.machine import facts
from benchmarks.placing import OTHERS, on_cores
from benchmarks.programs import a_server, free_port, python, working
from benchmarks.reaction import RULE
from benchmarks.report import table
from benchmarks.serving import tracker, until_ready
from benchmarks.steady_days import fill_days
from benchmarks.steady_verdict import Trend, trend
from benchmarks.stores import a_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONNECTIONS = 16
SHOWN = 4
LEFT = 2
"""Old days that may be there at the end: one is sealed a minute before it is dropped."""
MEBIBYTE = 2**20
NEVER_GROWING = ("places", "shares", "nodes", "timers")

TABLES = """
select relname, n_dead_tup, pg_total_relation_size(relid) from pg_stat_user_tables
 where schemaname = 'public' and relname !~ '^events_' order by n_dead_tup desc
"""
SIZE = "select pg_database_size(current_database())"
DAYS = "select count(*) from log_days where day < current_date"
REACTED = """
select coalesce(percentile_cont(0.99) within group (
         order by extract(epoch from t.started_at - e.received_at) * 1000), 'Infinity')::float8
  from action_attempts t join actions a on a.id = t.action
  join events e on e.provider = a.provider and e.post = a.post and e.day >= current_date - 1
 where t.started_at > now() - $1::interval and e.source = 'sosyalkopru'
"""


@dataclass(frozen=True)
class Minute:
    """What was seen at its end."""

    p50: float
    p99: float
    reacted_p99: float
    dead: dict[str, int]
    sizes: dict[str, int]
    database: int
    days: int


def run(minutes: int, rate: float, held: float, length: float) -> int:
    """The exit code: 1 where something is not flat."""
    with a_store() as store, store.fresh() as dsn, tempfile.TemporaryDirectory() as folder:
        for name, value in facts(store.version(), Path(folder)).items():
            print(f"{name}: {value}")
        tell_aside(f"steady: filling {minutes} days of the past")
        asyncio.run(fill_days(dsn, minutes))
        sink = free_port()
        with (
            a_server(python("benchmarks.sink", sink, Path(folder) / "heard"), sink, cores=OTHERS),
            tracker(dsn, rules=RULE, sink=sink) as (server, port),
            working(python("benchmarks.steady_days", dsn, minutes, length)),
            working(python("benchmarks.steady_reader", dsn, held)),
        ):
            until_ready(port, server)
            seen = [*_minutes(dsn, port, minutes, rate, length)]
    return judge(seen)


def _minutes(dsn: str, port: int, minutes: int, rate: float, length: float) -> Iterator[Minute]:
    print(f"{rate:g} webhooks a second, {minutes} minutes of {length:g} s")
    headings = ["minute", "p50 ms", "p99 ms", "p99 ms to the claim", "old days", "database MiB", "most dead rows"]
    rows: list[list[str]] = []
    for number in range(minutes):
        load = Load(port, CONNECTIONS, (number + 1) * 10**8, rate * length)
        with on_cores(OTHERS):
            load.walk(length, rate)
        if set(load.statuses) != {b"200"}:
            raise SystemExit(f"steady: it answered {dict(load.statuses)}")
        minute = asyncio.run(_look(dsn, load, length))
        rows.append(_row(number + 1, minute))
        print("\n".join([*table(headings, rows)][-1 if number else 0 :]), flush=True)
        yield minute


async def _look(dsn: str, load: Load, length: float) -> Minute:
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetch(TABLES)
        return Minute(
            load.percentile(0.5),
            load.percentile(0.99),
            await connection.fetchval(REACTED, timedelta(seconds=length)),
            {name: dead for name, dead, _ in found},
            {name: size for name, _, size in found},
            await connection.fetchval(SIZE),
            await connection.fetchval(DAYS),
        )
    finally:
        await connection.close()


def _row(number: int, minute: Minute) -> list[str]:
    most = sorted(minute.dead.items(), key=lambda one: -one[1])[:SHOWN]
    dead = ", ".join(f"{name} {count:,} ({minute.sizes[name] / MEBIBYTE:.1f} MiB)" for name, count in most)
    figures = [f"{value:.1f}" for value in (minute.p50, minute.p99, minute.reacted_p99)]
    return [str(number), *figures, str(minute.days), f"{minute.database / MEBIBYTE:.0f}", dead]


def judge(seen: Sequence[Minute]) -> int:
    """Says of each series whether it is flat."""
    found: list[Trend | None] = [
        trend("p99 of the door, ms", [one.p99 for one in seen], 1.5, 5),
        trend("p99 from the receipt to the claim, ms", [one.reacted_p99 for one in seen], 1.5, 10),
        trend("dead rows of all tables", [float(sum(one.dead.values())) for one in seen], 2, 5000),
    ]
    found += [
        trend(f"MiB of {name}", [one.sizes.get(name, 0) / MEBIBYTE for one in seen], 1.5, 1) for name in NEVER_GROWING
    ]
    trends = [one for one in found if one]
    for one in trends:
        print(one)
    if seen[-1].days > LEFT:
        print(f"days: {seen[-1].days} old ones are left of {len(seen)}, and at most {LEFT} should be")
    if not trends:
        print("too short to say whether anything is flat")
    return int(seen[-1].days > LEFT or not all(one.is_flat for one in trends))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--held", type=float, default=120, help="seconds that each transaction stays open")
    parser.add_argument("--minute", type=float, default=60, help="seconds of a minute, for a quick try")
    options = parser.parse_args()
    sys.exit(run(options.minutes, options.rate, options.held, options.minute))


if __name__ == "__main__":
    main()
