"""`tracker webhooks`: registered at the simulated provider, with the secret kept and never shown."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.contract.command_line import CommandLine, Ran
from tests.integration.hostile import answering, serving
from tracker.simulator import ManualClock, Simulator, run_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

DOOR = "http://127.0.0.1:9/webhooks/sosyalkopru"
CONFIG = """
[database]
url = "{url}"

[providers.sosyalkopru]
kind = "sosyalkopru"
api_url = "{api}"
api_key = "{key}"
secret_file = "{file}"

[outbound]
allow = ["127.0.0.1"]
"""


class Commands:
    """`tracker webhooks` in a folder, at an API."""

    def __init__(
        self, folder: Path, api: str, *, url: str = "", key: str = "sk_simulated", file: str = "the.secrets"
    ) -> None:
        (folder / "config.toml").write_text(CONFIG.format(url=url, api=api, key=key, file=file))
        self.file, self._tracker = folder / file, CommandLine(folder)

    async def __call__(self, *words: str, **environ: str) -> Ran:
        return await asyncio.to_thread(lambda: self._tracker("webhooks", *words, **environ))


@asynccontextmanager
async def provider(folder: Path, url: str = "") -> AsyncIterator[tuple[Simulator, Commands]]:
    """A simulated provider, and the commands at it."""
    async with run_simulator(clock=ManualClock()) as simulator:
        yield simulator, Commands(folder, simulator.url, url=url)


async def test_a_webhook_is_registered_listed_and_deleted_with_its_secret(tmp_path: Path, database_url: str) -> None:
    async with provider(tmp_path, database_url) as (simulator, webhooks):
        all_events = await webhooks("register", DOOR, "--json")
        some = await webhooks("register", DOOR, "--event", "post.failed", "--description", "failures only", "--json")
        listed = await webhooks("list", "--json")
        shown = await webhooks("list")
        first, second = all_events.json["id"], some.json["id"]
        secrets = webhooks.file.read_text()
        known = {hook.id: hook.secret for hook in simulator.webhooks}
        deleted = await webhooks("delete", first)
        after = webhooks.file.read_text()
        kept = await webhooks("delete", second, "--keep-secret", "--json")
        gone = await webhooks("delete", second)
        empty = await webhooks("list", "--json")
    assert (all_events.code, some.code, deleted.code, kept.code) == (0, 0, 0, 0)
    assert len(all_events.json["events"]) == 5
    assert secrets == f"{known[second]} {second}\n{known[first]} {first}\n"
    assert after == f"{known[second]} {second}\n"
    assert [(item["id"], item["url"], item["secret_kept"]) for item in listed.json["items"]] == [
        (first, DOOR, True), (second, DOOR, True),
    ]  # fmt: skip
    assert listed.json["items"][1]["events"] == ["post.failed"]
    assert "failures only" in shown.lines[2]
    assert kept.json == {"id": second, "deleted": True, "secret_forgotten": False}
    assert webhooks.file.read_text() == after
    assert (gone.code, "There is no webhook" in gone.err) == (1, True)
    assert empty.json["items"] == []
    for ran in (all_events, some, listed, shown, deleted, kept):
        assert not any(secret in ran.out + ran.err for secret in known.values())


@pytest.mark.parametrize(
    ("words", "environ", "says"),
    [
        ((DOOR, "--event", "post.publised"), {}, 'did you mean "post.published"'),
        (("ftp://127.0.0.1/door",), {}, "not a web address"),
        ((DOOR,), {"TRACKER_PROVIDERS__SOSYALKOPRU__SECRET_FILE": "config.toml/below"}, "config.toml/below: cannot be"),
        ((DOOR,), {"TRACKER_PROVIDERS__SOSYALKOPRU__API_KEY": ""}, "providers.sosyalkopru.api_key"),
    ],
)
async def test_what_cannot_go_well_is_refused_before_the_provider_is_called(
    tmp_path: Path, database_url: str, words: tuple[str, ...], environ: dict[str, str], says: str
) -> None:
    async with provider(tmp_path, database_url) as (simulator, webhooks):
        ran = await webhooks("register", *words, **environ)
        assert (ran.code, ran.out, len(simulator.calls)) == (2, "", 0)
        assert says in ran.err


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://8.8.8.8/webhooks/sosyalkopru", "only to addresses with https://"),
        (DOOR, "only to addresses with https://"),
        ("https://127.0.0.1/webhooks/sosyalkopru", "only to public addresses: 127.0.0.1 leads to 127.0.0.1"),
        ("https://[::ffff:10.0.0.1]/", "only to public addresses"),
        ("https://localhost/", "only to public addresses: localhost leads to"),
        ("https://me:secret@8.8.8.8/", "with a user or password in it is refused"),
    ],
)
async def test_a_provider_that_is_far_away_gets_no_private_address(tmp_path: Path, url: str, says: str) -> None:
    """Also when [outbound] allow names loopback: the provider is not there."""
    ran = await Commands(tmp_path, "https://8.8.8.8/v1")("register", url)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert not (tmp_path / "the.secrets").exists()


async def test_without_a_file_for_the_secret_nothing_is_registered(tmp_path: Path) -> None:
    async with provider(tmp_path) as (simulator, webhooks):
        config = tmp_path / "config.toml"
        config.write_text(config.read_text().replace('secret_file = "the.secrets"', ""))
        ran = await webhooks("register", DOOR)
        assert (ran.code, len(simulator.calls)) == (2, 0)
    assert "providers.sosyalkopru.secret_file: is not set: the provider shows a secret once" in ran.err


async def test_a_call_that_the_provider_does_not_have_is_named(tmp_path: Path, database_url: str) -> None:
    """Set to nothing by the operator, or not known to the provider, whose guide does not show it."""
    async with serving(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) as server:
        webhooks = Commands(tmp_path, server.url("/v1"), url=database_url)
        unknown = await webhooks("list")
        config = tmp_path / "config.toml"
        config.write_text(config.read_text().replace("[outbound]", 'calls = { webhooks = "" }\n[outbound]'))
        none = await webhooks("list")
        config.write_text(config.read_text().replace('kind = "sosyalkopru"', 'kind = "zernio"'))
        other = await webhooks("list")
    assert (unknown.code, none.code, other.code) == (1, 2, 2)
    assert 'sosyalkopru: 404; its guide does not show "GET /webhooks"' in unknown.err
    for ran in (none, other):
        assert "providers.sosyalkopru.calls.webhooks: is empty: sosyalkopru has no such call" in ran.err


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (b"HTTP/1.1 401 Unauthorized", 401, "the door does not know the secret"),
        (b"HTTP/1.1 404 Not Found", 404, "it ends with /webhooks/<provider>"),
        (b"HTTP/1.1 200 OK", 200, "does the address lead to another installation?"),
    ],
)
async def test_a_test_that_does_not_arrive_is_a_problem_and_is_explained(
    tmp_path: Path, database_url: str, answer: bytes, status: int, says: str
) -> None:
    async with (
        provider(tmp_path, database_url) as (_, webhooks),
        serving(answering(answer + b"\r\nContent-Length: 0\r\n\r\n")) as door,
    ):
        assert (await webhooks("register", door.url("/webhooks/sosyalkopru"))).code == 0
        told = await webhooks("test", "--within", "300ms")
        machine = await webhooks("test", "--within", "1ms", "--json")
    assert (told.code, machine.code) == (1, 1)
    assert (machine.json["status_code"], machine.json["success"], machine.json["position"]) == (
        status, status == 200, None,
    )  # fmt: skip
    assert says in told.out


async def test_a_test_needs_a_webhook_and_a_door(tmp_path: Path, database_url: str) -> None:
    async with provider(tmp_path, database_url) as (_, webhooks):
        nameless = await webhooks("test")
        made = await webhooks("register", DOOR, "--json")
        nobody = await webhooks("test", made.json["id"])
    assert (nameless.code, "no secret of a webhook is kept here" in nameless.err) == (2, True)
    assert (nobody.code, "does `tracker serve` run" in nobody.out) == (1, True)
