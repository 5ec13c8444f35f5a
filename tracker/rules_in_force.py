"""The rules in force: loaded once, replaced as a whole or not at all, and switched on and off by hand."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from tracker.domain.dispatch import RuleIndex
from tracker.errors import Misconfigured
from tracker.rulebook import Known, Rulebook, load_rules, load_text
from tracker.store import rule_switches
from tracker.store.wakeups import RULES, wait

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

    from tracker.domain.rule import Rule
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database
    from tracker.store.wakeups import Wakeups

log = structlog.get_logger(__name__)


class RulesInForce:
    """Raises Misconfigured, naming every fault, when the rules cannot be loaded at the start."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._book = read_rules(self._settings)
        self._faults: tuple[Misconfigured, ...] = ()
        self._switched: dict[str, bool] = {}
        self._seen = files_in(settings.rules.dir)
        self._hurried = False
        if self._book.faults:
            raise Misconfigured("\n".join(map(str, self._book.faults)))
        self._index = self._book.index

    def index(self) -> RuleIndex:
        """What decides at this moment."""
        return self._index

    def rules(self) -> Sequence[Rule]:
        """Every rule of the files, as they say it, the disabled ones too."""
        return self._book.rules

    def places(self) -> Mapping[str, tuple[str, int]]:
        """The file and the line of each rule, by its id."""
        return self._book.places

    def texts(self) -> Mapping[str, str]:
        """Each rule as it is written, with the workflows that it runs, by its id."""
        return self._book.texts

    def read(self, text: str) -> Rulebook:
        """The rules of a text, as if it were one more file."""
        return read_text(self._settings, text, "rules.toml", self._book.places.keys())

    def faults(self) -> tuple[Misconfigured, ...]:
        """Why the files as they were last read are not in force; empty when they are."""
        return self._faults

    def reload(self) -> bool:
        """Put the files as they are now in force; with any fault the last good rules stay."""
        self._seen = files_in(self._settings.rules.dir)
        book = read_rules(self._settings)
        self._faults = book.faults
        for fault in book.faults:
            log.error("rules.refused", fault=str(fault))
        for doubt in book.warnings:
            log.warning("rules.doubtful", doubt=str(doubt))
        if not book.faults:
            self._book = book
            self._index = self._switch()
            log.info("rules.loaded", rules=len(book.rules), files=len(book.files))
        return not book.faults

    async def take_switches(self, conn: Connection) -> bool:
        """Honour what people have switched by hand; answers whether other rules are in force now."""
        switched = {switch.rule: switch.enabled for switch in (await rule_switches.by_rule(conn)).values()}
        if switched == self._switched:
            return False
        before, self._switched = self._index.by_id.keys(), switched
        self._index = self._switch()
        return self._index.by_id.keys() != before

    async def follow(
        self,
        database: Database,
        wakeups: Wakeups,
        changed: Callable[[Connection], Awaitable[object]],
        poll: timedelta,
    ) -> None:
        """Until cancelled: take in edited files, and switches as they come.

        `changed` is told in the transaction that finds other rules in force, and at first.
        """
        other = True
        async with wakeups.on(RULES) as woken:
            while True:
                if self._hurried or files_in(self._settings.rules.dir) != self._seen:
                    self._hurried = False
                    other |= self.reload()
                async with database.transaction() as conn:
                    if await self.take_switches(conn) or other:
                        await changed(conn)
                other = False
                await wait(woken, poll.total_seconds())

    def read_again(self) -> None:
        """Read the files at the next look, whether or not they seem edited."""
        self._hurried = True

    def _switch(self) -> RuleIndex:
        if not self._switched:
            return self._book.index
        switched = self._switched
        return RuleIndex(replace(one, enabled=switched.get(one.id, one.enabled)) for one in self._book.rules)


def files_in(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Name, time and size of everything below the folder, by which an edit is noticed."""
    found = set()
    for path in folder.rglob("*"):
        with suppress(OSError):
            known = path.stat()
            found.add((str(path), known.st_mtime_ns, known.st_size))
    return frozenset(found)


def read_rules(settings: Settings, folder: Path | None = None) -> Rulebook:
    """The rules of that folder, else of the configured one, checked against the names in the configuration."""
    return load_rules(folder or settings.rules.dir, _known(settings))


def read_text(settings: Settings, text: str, file: str, others: Collection[str]) -> Rulebook:
    """The rules of one text, called `file` in faults, that are to stand beside `others` in the configured folder."""
    return load_text(text, file, _known(settings), settings.rules.dir, others)


def _known(settings: Settings) -> Known:
    return Known(settings.channels.keys(), settings.endpoints.keys(), settings.providers.keys(), settings.rules.budget)
