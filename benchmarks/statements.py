"""What the server is told while a block runs, by its own log: how many statements, and in how many transactions."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = {"log_min_duration_statement": "0", "log_line_prefix": "tx %v %x ", "log_parameter_max_length": "0"}
LINE = re.compile(
    r"^tx (\S*) (\d+) LOG:  duration: [\d.]+ ms  (?:execute [^:]*|statement): ?(.*(?:\n\t.*)*)", re.MULTILINE
)
SAVEPOINT = re.compile(r"_[0-9a-f]+__;")
LONGEST = 90


@dataclass
class Told:
    """A transaction counts as written that had an id after one of its statements, or notified, which needs one."""

    statements: int = 0
    transactions: int = 0
    written: int = 0
    each: Counter[str] = field(default_factory=Counter)

    def take(self, log: str) -> None:
        """Count what this part of a log tells."""
        transactions: dict[str, list[tuple[str, str]]] = {}
        for transaction, xid, said in LINE.findall(log):
            if "pg_reload_conf" in said or "alter system" in said:
                continue
            self.statements += 1
            self.each[SAVEPOINT.sub("", " ".join(said.split()))[:LONGEST]] += 1
            transactions.setdefault(transaction, []).append((xid, said))
        self.transactions += len(transactions)
        self.written += sum(map(_writes, transactions.values()))


@contextmanager
def statements(dsn: str, log: Path) -> Iterator[Told]:
    """Has the server write down every statement, of whatever session, and counts them when the block has ended."""
    told = Told()
    begun = log.stat().st_size
    asyncio.run(_set(dsn, SETTINGS))
    try:
        yield told
    finally:
        asyncio.run(_set(dsn, dict.fromkeys(SETTINGS)))
    with log.open("rb") as file:
        file.seek(begun)
        told.take(file.read().decode(errors="replace"))


def _writes(said: list[tuple[str, str]]) -> bool:
    """What rolls back is told after its transaction has gone."""
    return any(xid != "0" or "pg_notify" in text for xid, text in said) and not said[-1][1].startswith("ROLLBACK")


async def _set(dsn: str, settings: dict[str, str] | dict[str, None]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for name, value in settings.items():
            await connection.execute(f"alter system {'reset' if value is None else 'set'} {name}" + _to(value))
        await connection.fetchval("select pg_reload_conf()")
    finally:
        await connection.close()
    await asyncio.sleep(0.2)  # until every session has heard of it


def _to(value: str | None) -> str:
    return "" if value is None else f" = '{value}'"
