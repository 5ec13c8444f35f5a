"""`--url`: what the command line says with a key alone is what it says on the database itself."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.command_line import CommandLine, Ran, clean_environment, follow, keep, said, take
from tests.contract.serving import bearer, serving
from tests.contract.test_cli_quarantine import held, put
from tests.integration.told import NOON, PROVIDER
from tracker.api import Parts, application
from tracker.domain.runs.engine_state import Pause
from tracker.facts.codec import fact_readers
from tracker.process.active_rules import ActiveRules
from tracker.providers import build_providers
from tracker.settings import load_settings
from tracker.store.database import Database
from tracker.store.reactions import holds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


pytestmark = pytest.mark.anyio

RULES = """
[rule.told]
on = "post.failed"
description = "people hear of it"
do = [{ wait = "1h" }, { alert = "ops", title = "{{ post.id }} failed" }]

[rule.at-once]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]

[rule.off]
on = "post.published"
enabled = false
do = [{ alert = "ops", title = "{{ post.id }}" }]
"""
ODD = "a/b c%2Fd?#ü"
"""An id with everything that an address could take for something else."""
TIMEOUT = {"code": "timeout", "message": "took too long", "retryable": True}


class Both:
    """The same command on the database and at the service, each in a folder of its own."""

    def __init__(self, here: CommandLine, there: CommandLine, url: str, key: str, database: Database) -> None:
        self.here, self.there, self.url, self.key, self.database = here, there, url, key, database

    async def at_the_database(self, *words: str) -> Ran:
        return await asyncio.to_thread(self.here, *words)

    async def at_the_service(self, *words: str, key: str | None = None) -> Ran:
        environ = {"TRACKER_KEY": self.key if key is None else key}
        return await asyncio.to_thread(lambda: self.there(*words, "--url", self.url, **environ))


@pytest.fixture
async def both(tmp_path: Path, database_url: str) -> AsyncIterator[Both]:
    """Posts, runs, actions, a silence-to-be and a quarantine; nothing stands in the second folder."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here = CommandLine(tmp_path / "here").configure(database_url)
    (here.rules / "all.toml").write_text(RULES)
    settings = load_settings(here.folder / "config.toml", {})
    rules = ActiveRules(settings)

    def furnish() -> None:
        bodies = [
            said("post.scheduled", "p1", 1, scheduledAt="2026-11-10T13:00:00Z"),
            said("post.failed", "p3", 3, platforms=[{"platform": "instagram", "status": "FAILED", "error": TIMEOUT}]),
            said("post.failed", ODD, 4),
        ]
        keep(database_url, *bodies, now=NOON + timedelta(seconds=5))
        follow(database_url, now=NOON + timedelta(seconds=5), rules=rules.index())
        put(database_url, held(b"{"), held(b"[", reason="not_json"))

    await asyncio.to_thread(furnish)
    readers = fact_readers(build_providers(settings))
    async with Database.open(database_url) as database:
        parts = Parts(
            database, lambda: datetime.now(UTC), None, providers=(PROVIDER,), readers=readers, rules=rules,
            doors=build_providers(settings),
        )  # fmt: skip
        async with serving(application(parts)) as client:
            key = (await bearer(database, "operate"))["Authorization"].removeprefix("Bearer ")
            yield Both(here, CommandLine(tmp_path / "there"), str(client.base_url).rstrip("/"), key, database)


ASKING = [
    ("posts", "list"), ("posts", "list", "--state", "failed,partial", "--sort", "-failed_at", "--limit", "1"),
    ("posts", "list", "-q", "TOOK", "--platform", "instagram"), ("posts", "list", "--as-of", "2026-11-10T12:00:05Z"),
    ("posts", "show", "p3"), ("posts", "show", ODD, "--history", "2"), ("posts", "show", "p3", "--history", "0"),
    ("posts", "show", "p3", "--as-of", "2026-11-10T12:00:05Z"), ("posts", "why", "p3"),
    ("posts", "why", ODD, "--rule", "told"), ("rules", "explain", "told", "--post", "p3"), ("runs", "list"),
    ("runs", "list", "--state", "active", "--rule", "told", "--post", "p3"), ("actions", "list"),
    ("actions", "list", "--verb", "alert", "--since", "2026-11-10"), ("silences", "list"), ("accounts", "list"),
    ("quarantine", "list", "--limit", "1"), ("quarantine", "list", "--state", "any"),
    ("quarantine", "replay", "--all", "--dry-run"), ("rules", "list"), ("rules", "list", "--off"),
    ("rules", "show", "told"), ("figures", "--span", "24h", "--until", "2026-11-11", "--by", "error"),
]  # fmt: skip


async def test_answers_are_the_same(both: Both) -> None:
    """To the letter; but that what was signed is shown to those at the database alone."""
    for words in ASKING:
        here, there = await both.at_the_database(*words, "--json"), await both.at_the_service(*words, "--json")
        if words[:2] == ("quarantine", "list"):
            here = Ran(here.code, json.dumps(without_raw(here.json), indent=2) + "\n", here.err)
        assert there == here, words
        assert here.out, words
    assert [*both.there.folder.iterdir()] == [both.there.rules]


def without_raw(page: dict[str, Any]) -> dict[str, Any]:
    return page | {"items": [{k: v for k, v in item.items() if k != "raw"} for item in page["items"]]}


async def test_one_of_each_is_told_the_same_to_people(both: Both) -> None:
    for noun in ("runs", "actions"):
        listed = (await both.at_the_service(noun, "list", "--json")).json["items"]
        assert listed
        words = (noun, "show", listed[0]["id"])
        here, there = await both.at_the_database(*words), await both.at_the_service(*words)
        assert (there, there.code) == (here, 0)


async def sent(both: Both, way: str, *words: str) -> Ran:
    """An order, at the service or on the database."""
    return await (both.at_the_service if way == "service" else both.at_the_database)(*words)


@pytest.mark.parametrize("way", ["service", "database"])
async def test_orders_are_carried_out_and_refused_alike(both: Both, way: str) -> None:
    (action,) = (await sent(both, way, "actions", "list", "--post", "p3", "--json")).json["items"]
    given_up = await sent(both, way, "actions", "discard", action["id"])
    assert (given_up.code, given_up.lines) == (0, [f"{action['id']}: alert ops is discarded (by_hand)"])
    tried = await sent(both, way, "actions", "retry", action["id"], "--json")
    assert (tried.json["items"][0]["answer"]["state"], tried.json["items"][0]["refused"]) == ("pending", None)

    asked = await sent(both, way, "posts", "retry", "p3", "p1", "nowhere")
    assert asked.code == 1
    assert asked.lines[0].startswith(f"p3: retry {PROVIDER} is pending; `tracker actions show ")
    assert asked.lines[1].startswith('p1: post "p1" is scheduled: only failed and partial ones are retried')
    assert asked.lines[2] == 'nowhere: there is no post "nowhere"'
    assert (await sent(both, way, "posts", "reconcile", ODD)).code == 0

    (run,) = (await sent(both, way, "runs", "list", "--rule", "told", "--post", "p3", "--json")).json["items"]
    ended = await sent(both, way, "runs", "cancel", run["id"])
    assert (ended.code, ended.lines) == (0, [f"{run['id']}: told is about to end"])

    for order, state in (("disable", "off"), ("enable", "on")):
        switched = await sent(both, way, "rules", order, "told")
        assert (switched.code, switched.out.split(":")[1].split(",")[0].strip()) == (0, state), switched
    async with both.database.connection() as conn:
        await holds.hold(conn, [Pause("told", "", datetime.now(UTC) + timedelta(minutes=5), "at-once")])
    for paused in (True, False):
        shown = (await sent(both, way, "rules", "show", "told", "--json")).json
        assert bool(shown["pauses"]) is paused
        assert (await sent(both, way, "rules", "resume", "told")).code == 0
    unknown = await sent(both, way, "rules", "disable", "tld")
    assert (unknown.code, 'did you mean "told"' in unknown.out) == (1, True)

    words = ("silences", "add", "rule=told", "platform=*", "--for", "2h", "--reason", "maintenance")
    silence = (await sent(both, way, *words, "--json")).json
    assert (silence["match"], silence["active"]) == ({"rule": "told", "platform": "*"}, True)
    over = await sent(both, way, "silences", "end", silence["id"])
    assert (over.code, over.out.startswith(f"{silence['id']}: ended at ")) == (0, True)
    wrong = await sent(both, way, "silences", "add", "rule=tld", "--for", "2h", "--reason", "x")
    assert (wrong.code, 'did you mean "told"' in wrong.err) == (2, True)

    first, second = (item["id"] for item in (await sent(both, way, "quarantine", "list", "--json")).json["items"])
    assert (await sent(both, way, "quarantine", "discard", str(first))).code == 0
    again = await sent(both, way, "quarantine", "replay", str(first), str(second), "4711")
    assert (again.code, len(again.lines)) == (1, 1 + 3 + 1)


@pytest.mark.parametrize("way", ["service", "database"])
async def test_many_are_ordered_at_once_and_alike(both: Both, way: str) -> None:
    """With a dry run before; what is said and what it comes to is the same at the service and on the database."""
    tried = await sent(both, way, "posts", "retry", "--state", "failed,scheduled", "--dry-run")
    assert (tried.code, tried.lines) == (0, ["3 posts match: retry 2", "passes over 1: not_failed"])
    assert (await sent(both, way, "plans", "list", "--json")).json["items"] == []
    asked = await sent(both, way, "posts", "retry", "--error", "timeout")
    assert (asked.code, "say --yes, or --dry-run" in asked.err) == (2, True)

    words = ("posts", "retry", "--error", "timeout", "--pace", "30 per minute", "--note", "the platform was down")
    made = await sent(both, way, *words, "--yes")
    (plan,) = (await sent(both, way, "plans", "list", "--json")).json["items"]
    assert made.lines == [f"plan {plan['id']} is about 1 post; `tracker plans show {plan['id']}` tells how far it is"]
    assert (plan["filters"], plan["pace"], plan["note"]) == (
        {"error": "timeout"}, "30 in 1m", "the platform was down",
    )  # fmt: skip
    shown = (await sent(both, way, "plans", "show", plan["id"])).out
    assert "which error" in shown
    for move, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        moved = await sent(both, way, "plans", move, plan["id"])
        assert (moved.code, moved.lines) == (0, [f"{plan['id']}: retry posts is {state}, 1 of 1 are left"])
    over = await sent(both, way, "plans", "resume", plan["id"])
    assert (over.code, "only one that is paused can be resumed" in over.out) == (1, True)

    many: tuple[tuple[tuple[str, ...], str], ...] = (
        (("posts", "reconcile"), "reconcile"), (("posts", "silence", "--for", "1h", "--note", "known"), "silence"),
        (("actions", "discard", "--state", "pending"), "discard"),
        (("actions", "redeliver", "--state", "done"), "redeliver"),
        (("actions", "retry", "--state", "discarded"), "retry"),
    )  # fmt: skip
    for order, verb in many:
        ordered = await sent(both, way, *order, "--yes", "--json")
        made_of = ordered.json["plan"]["verb"] if ordered.code == 0 else None
        assert made_of == (None if "nothing" in ordered.err or "no actions" in ordered.err else verb), ordered
    nothing = await sent(both, way, "posts", "retry", "--provider", PROVIDER, "--account", "nobody", "--dry-run")
    assert (nothing.code, nothing.lines) == (1, ["0 posts match: retry 0"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("posts", "retry", "--state", "faild", "--yes"), 'did you mean "failed"'),
        (("posts", "retry", "--provider", "sosyalkopr", "--yes"), f'did you mean "{PROVIDER}"'),
        (("posts", "retry", "--pace", "fast", "--yes"), "per hour"),
        (("posts", "retry", "p3", "--state", "failed"), "either ids"),
        (("actions", "retry", "--verb", "sned", "--yes"), 'did you mean "send"'),
        (("posts", "silence", "--note", "x", "--yes"), "--for: give its end"),
        (("plans", "list", "--state", "runing"), 'did you mean "running"'),
    ],
)
async def test_a_wrong_order_about_many_is_named_as_on_the_database(
    both: Both, words: tuple[str, ...], says: str
) -> None:
    here, there = await both.at_the_database(*words), await both.at_the_service(*words)
    assert here == there
    assert (here.code, says in " ".join(here.err.split())) == (2, True), here


async def test_what_is_used_wrongly_is_named_as_on_the_database(both: Both) -> None:
    for words in (
        ("posts", "list", "--state", "faild"), ("posts", "list", "--since", "yesterdy"), ("posts", "show", "p9"),
        ("posts", "list", "--cursor", "nonsense"), ("posts", "why", "p3", "--rule", "tld"),
        ("runs", "show", "00000000-0000-0000-0000-000000000000"), ("actions", "list", "--state", "faild"),
    ):  # fmt: skip
        here, there = await both.at_the_database(*words), await both.at_the_service(*words)
        assert there == here, words
        assert there.code != 0


@pytest.mark.parametrize(
    ("key", "words", "code", "says"),
    [
        ("", ("posts", "list"), 2, "tracker: TRACKER_KEY: is not set: `tracker keys create` shows one"),
        ("a\nb", ("posts", "list"), 2, "tracker: TRACKER_KEY: is no key: `tracker keys create` shows one"),
        ("tk_nobody", ("posts", "list"), 2, "tracker: TRACKER_KEY: "),
        ("read", ("posts", "retry", "p3"), 1, "tracker: "),
    ],
)
async def test_a_key_that_does_not_reach_is_one_line(
    both: Both, database_url: str, key: str, words: tuple[str, ...], code: int, says: str
) -> None:
    if key == "read":
        async with Database.open(database_url) as database:
            key = (await bearer(database, "read"))["Authorization"].removeprefix("Bearer ")
    ran = await both.at_the_service(*words, key=key)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (code, "", 1)
    assert ran.err.startswith(says)
    assert key not in ran.err or not key


async def test_what_happens_is_told_while_one_watches_a_service(both: Both, database_url: str) -> None:
    """As on the database, line by line."""
    watching = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tracker", "posts", "watch", "--json", "--url", both.url, cwd=both.there.folder,
        env=clean_environment() | {"TRACKER_KEY": both.key}, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert watching.stdout is not None
    assert watching.stderr is not None
    try:
        assert await asyncio.wait_for(watching.stderr.readline(), 60) == b"watching; Ctrl-C ends it\n"
        await asyncio.to_thread(take, database_url, said("post.published", "new", 5), now=datetime.now(UTC))
        line = json.loads(await asyncio.wait_for(watching.stdout.readline(), 60))
        assert (line["what"], line["post"], line["said"]) == ("state", "new", "published")
        watching.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(watching.wait(), 60) == 0
    finally:
        if watching.returncode is None:
            watching.kill()
            await watching.wait()


async def answering(body: bytes, status: str = "200 OK") -> tuple[asyncio.Server, str]:
    """Somebody else's server, which says the same to everybody."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("status", "body", "code", "says"),
    [
        ("200 OK", b"<html>", 2, "answers what is not understood here: is it another version?"),
        ("200 OK", b'{"items": [{"id": 1}], "next": null}', 2, "is it another version?"),
        ("404 Not Found", b"no such page", 2, "there is no API of tracker at"),
        ("302 Found", b"", 2, "there is no API of tracker at"),
        ("503 Service Unavailable", b'{"type": "urn:tracker:problem:unavailable", "detail": "the database is away"}', 1,
         "the database is away"),
    ],
)  # fmt: skip
async def test_who_is_no_tracker_is_told_as_such(
    tmp_path: Path, status: str, body: bytes, code: int, says: str
) -> None:
    server, url = await answering(body, status)
    async with server:
        ran = await asyncio.to_thread(lambda: CommandLine(tmp_path)("posts", "list", "--url", url, TRACKER_KEY="tk_1"))
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (code, "", 1)
    assert says in ran.err


async def test_who_does_not_answer_is_away_and_an_address_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    for url, code, says in (
        (f"http://127.0.0.1:{port}", 1, f"tracker: http://127.0.0.1:{port} does not answer: "),
        ("tracker.example.com", 2, "Invalid value for --url: not a web address: write https://host/path"),
    ):
        ran = await asyncio.to_thread(lambda: CommandLine(tmp_path)("posts", "list", "--url", url, TRACKER_KEY="tk_1"))  # noqa: B023
        assert (ran.code, ran.out) == (code, "")
        assert says in " ".join(ran.err.replace("│", "").split())
