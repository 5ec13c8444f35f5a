"""A rule's file is edited on the dashboard: where that is on, by an admin, after a check, over nobody else's edit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from html import unescape
from typing import TYPE_CHECKING

import pytest

from tests.contract.dashboard import dashboard, sign_in
from tests.integration.ruled import in_force
from tracker.dashboard.installation import Installation
from tracker.rulebook.editing import EARLIER
from tracker.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from tracker.process.active_rules import ActiveRules
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

TEXT = """# </textarea><script>document.hacked = 1</script>
[rule.on-failure]
on = "post.failed"
do = [{ alert = "ops", title = "it failed" }]
"""
EDITED = TEXT.replace('title = "it failed"', 'title = "it has failed"')
FAULTY = TEXT.replace('"ops"', '"opps"')
EDIT = "/rules/on-failure/edit"


@pytest.fixture
def rules(tmp_path: Path) -> ActiveRules:
    return in_force(tmp_path, TEXT, "[dashboard]\nedit_rules = true\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules" / "all.toml"


@pytest.fixture
async def visitor(database: Database, rules: ActiveRules, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who has not signed in yet."""
    about = Installation(load_settings(tmp_path / "config.toml", {}))
    async with dashboard(database, rules, installation=about) as client:
        yield client


def form_of(page: httpx2.Response) -> dict[str, str]:
    """What the form of the page would send."""
    fields = dict(re.findall(r'<input type="hidden" name="(mark)" value="([^"]*)"', page.text))
    fields |= dict(re.findall(r'name="(save)" value="([^"]*)"', page.text))
    (text,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page.text, re.DOTALL)
    return {**fields, "text": unescape(text)}


def text_of(file: Path) -> str:
    """What stands in it."""
    return file.read_text()


def write(file: Path, text: str) -> None:
    """As somebody else does."""
    file.write_text(text)


def earlier(file: Path) -> list[str]:
    """The texts that are kept of it."""
    return [kept.read_text() for kept in (file.parent / EARLIER).iterdir()]


async def sent(visitor: httpx2.AsyncClient, form: Mapping[str, str], status: int = 200) -> httpx2.Response:
    answer = await visitor.post(EDIT, data={**form, "text": form["text"].replace("\n", "\r\n")})
    assert answer.status_code == status, answer.text
    return answer


async def test_a_text_is_checked_tried_planned_and_saved(
    visitor: httpx2.AsyncClient, database: Database, rules: ActiveRules, file: Path
) -> None:
    await sign_in(visitor, database, "admin")
    assert EDIT in (await visitor.get("/rules/on-failure")).text
    page = await visitor.get(EDIT)
    assert form_of(page)["text"] == TEXT
    assert "<script>document" not in page.text
    checked = form_of(await sent(visitor, {**form_of(page), "text": EDITED}))
    assert text_of(file) == TEXT
    saved = await sent(visitor, checked, 303)
    assert saved.headers["location"] == "/rules/on-failure?done=rule_saved"
    assert text_of(file) == EDITED
    assert earlier(file) == [TEXT]
    assert rules.reload()
    assert "it has failed" in rules.texts()["on-failure"]


async def test_what_was_not_checked_is_not_saved(visitor: httpx2.AsyncClient, database: Database, file: Path) -> None:
    await sign_in(visitor, database, "admin")
    checked = form_of(await sent(visitor, {**form_of(await visitor.get(EDIT)), "text": EDITED}))
    again = await sent(visitor, {**checked, "text": EDITED + "\n# more\n"})
    assert form_of(again)["save"] != checked["save"]
    assert text_of(file) == TEXT


async def test_faults_are_shown_in_their_place_and_nothing_is_saved(
    visitor: httpx2.AsyncClient, database: Database, file: Path
) -> None:
    await sign_in(visitor, database, "admin")
    page = await sent(visitor, {**form_of(await visitor.get(EDIT)), "text": FAULTY}, 422)
    assert "Line 4, column" in page.text
    assert "did you mean" in page.text
    assert form_of(page)["text"] == FAULTY
    assert "save" not in form_of(page)
    assert text_of(file) == TEXT


async def test_what_others_have_written_meanwhile_is_shown_beside_and_stays(
    visitor: httpx2.AsyncClient, database: Database, file: Path
) -> None:
    await sign_in(visitor, database, "admin")
    checked = form_of(await sent(visitor, {**form_of(await visitor.get(EDIT)), "text": EDITED}))
    theirs = TEXT + "# <b>theirs</b>\n"
    write(file, theirs)
    page = await sent(visitor, checked, 409)
    assert "# &lt;b&gt;theirs&lt;/b&gt;" in page.text
    assert form_of(page)["text"] == EDITED
    assert text_of(file) == theirs
    await sent(visitor, form_of(await sent(visitor, form_of(page))), 303)  # having seen both
    assert text_of(file) == EDITED


async def test_a_file_that_is_faulty_may_be_mended(
    visitor: httpx2.AsyncClient, database: Database, rules: ActiveRules, file: Path
) -> None:
    await sign_in(visitor, database, "admin")
    write(file, FAULTY)
    assert not rules.reload()
    checked = form_of(await sent(visitor, {**form_of(await visitor.get(EDIT)), "text": EDITED}))
    await sent(visitor, checked, 303)
    assert rules.reload()


@pytest.mark.parametrize("scope", ["read", "operate"])
async def test_it_takes_an_admin(visitor: httpx2.AsyncClient, database: Database, file: Path, scope: str) -> None:
    await sign_in(visitor, database, scope)
    assert EDIT not in (await visitor.get("/rules/on-failure")).text
    assert (await visitor.get(EDIT)).status_code == 403
    await sent(visitor, {"text": EDITED}, 403)
    assert text_of(file) == TEXT


async def test_it_is_off_unless_somebody_has_switched_it_on(database: Database, rules: ActiveRules, file: Path) -> None:
    async with dashboard(database, rules, open_here=True) as visitor:
        assert EDIT not in (await visitor.get("/rules/on-failure")).text
        assert (await visitor.get(EDIT)).status_code == 403
        await sent(visitor, {"text": EDITED}, 403)
    assert text_of(file) == TEXT


async def test_another_site_cannot_edit(visitor: httpx2.AsyncClient, database: Database, file: Path) -> None:
    await sign_in(visitor, database, "admin")
    checked = form_of(await sent(visitor, {**form_of(await visitor.get(EDIT)), "text": EDITED}))
    visitor.headers["Origin"] = "https://evil.example"
    await sent(visitor, checked, 403)
    assert text_of(file) == TEXT


async def test_no_address_leads_to_another_file(visitor: httpx2.AsyncClient, database: Database) -> None:
    await sign_in(visitor, database, "admin")
    for rule in ("..%2F..%2Fconfig.toml", "%2Fetc%2Fpasswd", "all.toml"):
        assert (await visitor.get(f"/rules/{rule}/edit")).status_code == 404
