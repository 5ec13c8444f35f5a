"""The rules in force: loaded once, replaced as a whole or not at all, and switched on and off by hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tracker.domain.rules.rearming import switched
from tracker.errors import Misconfigured
from tracker.providers.rule_files import read_rules, read_text
from tracker.rulebook import Known, Rulebook, load_kept
from tracker.rulebook.endpoint_rules import rule_of_endpoint
from tracker.rulebook.folder import look_of, revision_of_files
from tracker.rulebook.source import Footing
from tracker.runtime.logger import Logger
from tracker.store.reactions import rule_book, webhook_endpoints
from tracker.store.wakeups import RULES, wait

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import timedelta

    from tracker.domain.rules.rule import Rule
    from tracker.domain.rules.rule_index import RuleIndex
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database
    from tracker.store.reactions.webhook_endpoints import WebhookEndpoint
    from tracker.store.wakeups import Wakeups

log = Logger(__name__)


class ActiveRules:
    """The rules in force: those of the files; where these cannot be read, the database's last good ones, or none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._book, self._footing = Rulebook(), Footing("none")
        self._index = self._book.index
        self._revision = ""
        self._refused: tuple[Misconfigured, ...] = ()
        self._outlived: tuple[Misconfigured, ...] = ()
        self._switched: dict[str, bool] = {}
        self._endpoints: dict[str, Rulebook] = {}
        """The rule of each endpoint made at run time, by its id."""
        self._untold = False
        self._settling = asyncio.Lock()
        self._hurried = False
        self._seen = look_of(settings.rules.dir)
        self._take(self._read_files())

    def index(self) -> RuleIndex:
        """What decides at this moment."""
        return self._index

    def rules(self) -> Sequence[Rule]:
        """Every rule of the files, as they say it, and of endpoints made at run time; the disabled ones too."""
        return (*self._book.rules, *(rule for book in self._endpoints.values() for rule in book.rules))

    def places(self) -> Mapping[str, tuple[str, int]]:
        """The file and the line of each rule, by its id."""
        return self._book.places

    def texts(self) -> Mapping[str, str]:
        """Each rule as it is written, with the workflows that it runs, by its id."""
        return {**self._book.texts, **{name: book.texts[name] for name, book in self._endpoints.items()}}

    def read(self, text: str) -> Rulebook:
        """The rules of a text, as if it were one more file."""
        return read_text(self._settings, text, "rules.toml", self._book.places.keys())

    def faults(self) -> tuple[Misconfigured, ...]:
        """Why the files as they were last read are not in force; empty when they are."""
        return self._refused + self._outlived

    def footing(self) -> Footing:
        """What the rules in force rest on."""
        return self._footing

    def reload(self) -> bool:
        """Put the files as they are now in force; with any fault the last good rules stay."""
        self._seen = look_of(self._settings.rules.dir)
        self._take(self._read_files())
        return not self._refused

    async def settle(self, database: Database) -> bool:
        """Keep good files in the database, or take those that it keeps; answers whether other rules are in force now.

        Of files that several processes have kept the newest count, and only for a process that cannot read its own.
        """
        async with self._settling:
            await self._tell(database)
            if not self._refused:
                return False
            async with database.connection() as conn:
                known = await rule_book.standing(conn)
                other = known.revision if known.revision != self._revision else None
                packed = await rule_book.files(conn, other) if other else None
            self._footing = replace(self._footing, kept_at=known.kept_at, refused_at=known.refused_at)
            if packed is None or other is None:
                return False
            book = await asyncio.to_thread(self._read_kept, packed)
            return self._take_kept(book, other) if self._refused else False

    async def take_by_hand(self, conn: Connection) -> bool:
        """Honour what people have switched, and their endpoints; answers whether other rules are in force now."""
        by_hand = {rule: switch.enabled for rule, switch in (await rule_book.switches_by_rule(conn)).items()}
        made = {one.id: one for one in await webhook_endpoints.list_all(conn)}
        if by_hand == self._switched and made.keys() == self._endpoints.keys():
            return False
        before, self._switched = self._index.by_id.keys(), by_hand
        known = self._endpoints
        self._endpoints = {name: known.get(name) or self._rule_of(one) for name, one in made.items()}
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
                other |= await self._look_again()
                other |= await self.settle(database)
                async with database.transaction() as conn:
                    if (await self.take_by_hand(conn) or other) and self.any_known:
                        await changed(conn)
                other = False
                await wait(woken, poll.total_seconds())

    @property
    def any_known(self) -> bool:
        """Whether the rules in force are somebody's wish: where none could be read, no timer may be called off."""
        return self._footing.source != "none"

    def read_again(self) -> None:
        """Read the files at the next look, whether or not they seem edited."""
        self._hurried = True

    async def _look_again(self) -> bool:
        """Take in files that were edited; answers whether other rules are in force. Reading waits for no disk."""
        look = await asyncio.to_thread(look_of, self._settings.rules.dir)
        if not self._hurried and look == self._seen:
            return False
        self._hurried, self._seen = False, look
        self._take(await asyncio.to_thread(self._read_files))
        return not self._refused

    def _read_files(self) -> Rulebook:
        return self._guarded(lambda: read_rules(self._settings))

    def _read_kept(self, packed: bytes) -> Rulebook:
        known = Known(budget=self._settings.rules.budget, public_url=self._settings.server.public_url or None)
        return self._guarded(
            lambda: load_kept(
                rule_book.unpacked(packed),
                self._settings.rules.dir,
                known,
            )
        )

    def _guarded(self, read: Callable[[], Rulebook]) -> Rulebook:
        """The rules that `read` reads; a fault of our own code counts as one of the files, and stops nothing else."""
        try:
            return read()
        except Exception as error:
            log.error("rules.fault", error=str(error), exc_info=error)
            what = f"cannot be read: {error or type(error).__name__}"
            return Rulebook(faults=(Misconfigured(what, file=str(self._settings.rules.dir)),))

    def _take(self, book: Rulebook) -> None:
        self._refused, self._untold = book.faults, True
        for fault in book.faults:
            log.error("rules.refused", fault=str(fault))
        for doubt in book.warnings:
            log.warning("rules.doubtful", doubt=str(doubt))
        if not book.faults:
            self._put_in_force(book, revision_of_files(book.sources), Footing())
            log.info("rules.loaded", rules=len(book.rules), files=len(book.files))

    def _take_kept(self, book: Rulebook, revision: str) -> bool:
        """What an earlier version took, and this one does not, is left out and named; where that is all, nothing."""
        for fault in book.faults:
            log.error("rules.refused", fault=str(fault))
        self._revision, self._outlived = revision, book.faults
        if book.faults and not book.rules:
            return False
        self._put_in_force(book, revision, replace(self._footing, source="kept"), book.faults)
        log.warning("rules.kept", rules=len(book.rules), revision=revision, kept_at=self._footing.kept_at)
        return True

    def _put_in_force(
        self, book: Rulebook, revision: str, footing: Footing, outlived: tuple[Misconfigured, ...] = ()
    ) -> None:
        self._book, self._revision, self._footing, self._outlived = book, revision, footing, outlived
        self._index = self._switch()

    async def _tell(self, database: Database) -> None:
        """Tell the database, once after each reading, that the files are good, or that they are refused."""
        if not self._untold:
            return
        self._untold = False
        try:
            async with database.transaction() as conn:
                if self._refused:
                    await rule_book.refuse(conn, str(self._refused[0]))
                else:
                    await rule_book.keep(conn, self._revision, self._book.sources)
        except BaseException:
            self._untold = True
            raise

    def _rule_of(self, made: WebhookEndpoint) -> Rulebook:
        """The rule of an endpoint; one that an earlier version took, and this one does not, is left out and named."""
        book = rule_of_endpoint(made.id, made.events, made.filter)
        for fault in book.faults:
            log.error("rules.refused", fault=str(fault))
        return book

    def _switch(self) -> RuleIndex:
        return switched(self.rules(), self._switched) if self._switched or self._endpoints else self._book.index
