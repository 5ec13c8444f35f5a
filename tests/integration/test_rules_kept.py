"""The last good rule files in the database: who keeps them, who takes them, and what a broken folder does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import Corridor
from tests.integration.told import told
from tracker.errors import Misconfigured
from tracker.process.active_rules import ActiveRules
from tracker.settings import load_settings
from tracker.store.reactions import rule_book

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.rulebook import Rulebook
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

STUCK = '[rule.stuck]\nwhile = { state = "publishing" }\nfor = "15m"\ndo = [{ alert = "ops", title = "stuck" }]\n'
BROKEN = STUCK.replace("while", "whiel")


WORKFLOW = """
[workflow.half]
do = [{ retry = "publish" }, { alert = "ops", titel = "it would be left out" }]
[rule.runs-half]
on = "post.failed"
do = [{ run = "half" }]
"""


class Process:
    """One of several on the same database, with a folder of its own."""

    def __init__(self, folder: Path, database: Database, text: str) -> None:
        (folder / "rules").mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text('[channels.ops]\nkind = "log"\n')
        self.file, self.database = folder / "rules" / "all.toml", database
        self.file.write_text(text)
        self.rules = ActiveRules(load_settings(folder / "config.toml", {}))

    async def edit(self, text: str) -> bool:
        self.file.write_text(text)
        self.rules.reload()
        return await self.rules.settle(self.database)

    @property
    def titles(self) -> list[str]:
        return [getattr(rule.do[0], "title")({}) for rule in self.rules.index()]  # noqa: B009  (of any step)

    async def kept(self) -> rule_book.Standing:
        async with self.database.connection() as conn:
            return await rule_book.standing(conn)


async def started(folder: Path, database: Database, text: str) -> Process:
    process = Process(folder, database, text)
    await process.rules.settle(database)
    return process


async def test_good_files_are_kept_and_a_start_on_broken_ones_takes_them(tmp_path: Path, database: Database) -> None:
    """With the templates that they use, to the letter."""
    (tmp_path / "rules" / "templates").mkdir(parents=True)
    page = tmp_path / "rules" / "templates" / "page.j2"
    page.write_text("{{ post.id }} hangs\r\n")
    good = STUCK.replace('title = "stuck"', 'title = "stuck", template = "page.j2"')
    first = await started(tmp_path, database, good)
    kept = await first.kept()
    assert (kept.revision is not None, kept.refused_at) == (True, None)
    page.unlink()
    second = Process(tmp_path, database, BROKEN)
    assert (second.rules.footing().source, list(second.rules.index())) == ("none", [])
    assert await second.rules.settle(database)
    assert [rule.revision for rule in second.rules.index()] == [rule.revision for rule in first.rules.index()]
    footing = second.rules.footing()
    assert (footing.source, footing.kept_at, footing.refused_at is None) == ("kept", kept.kept_at, False)
    assert second.rules.places()["stuck"] == (str(tmp_path / "rules" / "all.toml"), 1)
    assert not await second.rules.settle(database)


async def test_since_when_files_are_refused_outlasts_a_restart(tmp_path: Path, database: Database) -> None:
    process = await started(tmp_path, database, STUCK)
    await process.edit(BROKEN)
    since, why = (await process.kept()).refused_at, (await process.kept()).refused
    assert since is not None
    assert why == str(process.rules.faults()[0])
    again = await started(tmp_path, database, BROKEN)
    assert again.rules.footing().refused_at == since
    words = again.rules.footing().in_words(again.rules.faults())
    assert words.startswith(f"the rule files are refused since {since:%Y-%m-%d %H:%M:%S UTC}; the last good ones, of ")
    await again.edit(STUCK)
    assert (await again.kept()).refused_at is None
    assert (again.rules.footing().source, again.rules.footing().refused_at) == ("files", None)
    assert again.rules.footing().in_words(again.rules.faults()) == ""


async def test_the_newest_good_files_are_those_of_whoever_cannot_read_its_own(
    tmp_path: Path, database: Database
) -> None:
    """Who can read its own goes by them, whatever others keep."""
    one = await started(tmp_path / "one", database, STUCK)
    other = await started(tmp_path / "other", database, STUCK.replace('"stuck"', '"other"'))
    assert (one.titles, other.titles) == (["stuck"], ["other"])
    assert not await one.rules.settle(database)
    broken = await started(tmp_path / "broken", database, BROKEN)
    assert broken.titles == ["other"]
    await one.edit(STUCK.replace('"stuck"', '"newer"'))
    assert await broken.rules.settle(database)
    assert (broken.titles, other.titles) == (["newer"], ["other"])
    await broken.edit(STUCK)
    assert (broken.titles, broken.rules.footing().source) == (["stuck"], "files")


async def test_a_rule_that_this_version_does_not_take_any_more_is_left_out_and_named(
    tmp_path: Path, database: Database
) -> None:
    """Whole: a rule whose workflow is faulty does not do the half of it."""
    text = STUCK + STUCK.replace("rule.stuck", "rule.old").replace("title", "titel") + WORKFLOW
    async with database.transaction() as conn:
        await rule_book.keep(conn, "of-before", {"all.toml": text})
    process = await started(tmp_path, database, BROKEN)
    assert [rule.id for rule in process.rules.index()] == ["stuck"]
    assert any("rule.old.do[0].titel" in str(fault) for fault in process.rules.faults())


async def test_what_is_kept_and_cannot_be_read_is_a_fault_and_no_crash(tmp_path: Path, database: Database) -> None:
    async with database.transaction() as conn:
        await rule_book.keep(conn, "of-before", {"all.toml": STUCK})
        await conn.execute("update rule_book set files = 'odd'")
    process = await started(tmp_path, database, BROKEN)
    assert (list(process.rules.index()), process.rules.any_known) == ([], False)
    assert any("cannot be read" in str(fault) for fault in process.rules.faults())


async def test_a_fault_of_our_own_is_one_of_the_files(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Rulebook:
        raise ZeroDivisionError("of our own")

    process = await started(tmp_path, database, STUCK)
    monkeypatch.setattr("tracker.process.active_rules.read_rules", fail)
    await process.edit(STUCK + "\n")
    assert [str(fault) for fault in process.rules.faults()] == [f"{tmp_path}/rules: cannot be read: of our own"]
    assert process.titles == ["stuck"]


async def test_a_start_on_broken_files_keeps_every_timer(tmp_path: Path, database: Database) -> None:
    """Those that wait for the rules that are kept; and without any rules, those that wait for anything."""
    process = await started(tmp_path, database, STUCK)
    corridor = await Corridor(database, list(process.rules.index())).open()
    await corridor.tell(told("p1", "publishing", 1))
    before = await corridor.rows("select rule, due_at, meaning from timers")
    again = await started(tmp_path, database, BROKEN)
    corridor.processor.reactor._rules = again.rules.index
    assert again.rules.any_known
    async with database.transaction() as conn:
        assert await corridor.processor.reactor.arm_standing(conn) == {}
    assert await corridor.rows("select rule, due_at, meaning from timers") == before != []
    async with database.transaction() as conn:
        await conn.execute("delete from rule_book")
    assert not (await started(tmp_path, database, BROKEN)).rules.any_known


async def test_a_rule_whose_channel_is_gone_stays_in_force_with_the_others(tmp_path: Path, database: Database) -> None:
    process = await started(tmp_path, database, STUCK)
    (tmp_path / "config.toml").write_text('[channels.other]\nkind = "log"\n')
    renamed = ActiveRules(load_settings(tmp_path / "config.toml", {}))
    await renamed.settle(database)
    assert 'there is no channel "ops"' in str(renamed.faults()[0])
    assert [rule.revision for rule in renamed.index()] == [rule.revision for rule in process.rules.index()]


async def test_a_channel_that_is_left_out_keeps_its_name(tmp_path: Path, database: Database) -> None:
    """The rules that name it are not refused for it: the configuration is at fault, and says so."""
    await started(tmp_path, database, STUCK)
    (tmp_path / "config.toml").write_text('[channels.ops]\nkind = "slack"\nurl = { env = "NOT_SET" }\n')
    settings = load_settings(tmp_path / "config.toml", {})
    assert list(settings.left_out) == ["channels.ops"]
    faulty = ActiveRules(settings)
    assert (faulty.faults(), faulty.footing().source) == ((), "files")
    fault = Misconfigured("proves wrong later")
    assert settings.without({"endpoints.cms": fault}).names("endpoints") == {"cms"}
