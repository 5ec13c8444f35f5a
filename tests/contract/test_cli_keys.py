"""`tracker keys`: a key is shown once, opens the API as far as it reaches, and nothing once it is revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.command_line import CommandLine
from tests.contract.serving import serving
from tests.integration.told import NOON
from tracker.api import Parts, application

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
def tracker(tmp_path: Path, database_url: str) -> CommandLine:
    return CommandLine(tmp_path).configure(database_url)


async def test_a_key_opens_the_api_until_it_is_revoked(tracker: CommandLine, database: Database) -> None:
    made = tracker.alone("keys", "create", "--name", "mine", "--scope", "read", "--json")
    assert (made.code, made.json.keys()) == (0, {"id", "key"})
    headers = {"Authorization": f"Bearer {made.json['key']}"}
    async with serving(application(Parts(database, lambda: NOON, None))) as client:
        assert (await client.get("/api/v1/posts", headers=headers)).status_code == 200
        assert tracker.alone("keys", "revoke", made.json["id"], "--json").json["id"] == made.json["id"]
        assert (await client.get("/api/v1/posts", headers=headers)).status_code == 401


def test_a_key_is_shown_once(tracker: CommandLine) -> None:
    made = tracker("keys", "create", "--name", "mine", "--scope", "operate", "--scope", "read")
    (text,) = made.lines
    listed, shown = tracker("keys", "list"), tracker("keys", "list", "--json")
    secret = text.split("_", 2)[2]
    assert secret not in listed.out + shown.out + made.err
    (key,) = shown.json["items"]
    assert (key["name"], key["scopes"], key["revoked_at"]) == ("mine", ["operate", "read"], None)
    assert key["created_at"].endswith("Z")
    assert text.split("_")[1] == key["id"]
    assert listed.lines[1].split()[:2] == [key["id"], "mine"]


def test_what_is_wrong_about_a_key_is_named(tracker: CommandLine) -> None:
    wrong = tracker("keys", "create", "--name", "mine", "--scope", "raed")
    assert (wrong.code, 'did you mean "read"' in wrong.err) == (2, True)
    missing = tracker("keys", "revoke", "none")
    assert (missing.code, missing.err) == (1, 'tracker: there is no key "none"\n')
    assert tracker("keys", "list", "--json").json == {"items": [], "next": None}
