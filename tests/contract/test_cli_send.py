"""`tracker send`: what it sends to a running `tracker serve` is taken as if the provider had sent it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.service import Service, free_port
from tests.contract.command_line import SECRET, CommandLine, said
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def tracker(tmp_path: Path, database_url: str) -> Iterator[CommandLine]:
    """The command line in the folder of a service that runs."""
    service = Service(
        tmp_path, free_port(), dsn=database_url, lease="5s", provider=NOWHERE, secret=SECRET, sink=NOWHERE
    )
    service.start()
    asyncio.run(service.ready())
    yield CommandLine(tmp_path)
    assert service.stop() == 0, service.log_end()


def shown(tracker: CommandLine, post: str, version: int, seconds: float = 30) -> Any:
    """The post once so many facts have made it what it is."""

    def found() -> Any:
        ran = tracker("posts", "show", post, "--json")
        return ran.json if ran.code == 0 and ran.json["version"] >= version else None

    return wait_until(found, f"version {version} of {post}", seconds)


def test_a_file_and_an_event_reach_the_post(tracker: CommandLine) -> None:
    (tracker.folder / "body.json").write_bytes(said("post.scheduled", "p1", 0, scheduledAt="2026-11-10T13:00:00Z"))
    sent = tracker.alone("send", "body.json")
    assert (sent.code, sent.out) == (0, '200 {"received":true}\n'), sent.err
    again = tracker("send", "body.json", "--json")
    assert (again.code, again.json["answer"]) == (0, {"received": True, "duplicate": True})
    assert shown(tracker, "p1", 1)["state"] == "scheduled"
    failed = tracker(
        "send", "--event", "post.failed", "--post", "p1", "--platform", "instagram:shop", "--platform", "x",
        "--error", "timeout", "--message", "took too long", "--no-retryable",
    )  # fmt: skip
    assert (failed.code, failed.out) == (0, '200 {"received":true}\n')
    post = shown(tracker, "p1", 2)
    assert (post["state"], post["error"]) == (
        "failed", {"code": "timeout", "message": "took too long", "retryable": False},
    )  # fmt: skip
    assert [(target["platform"], target["account"], target["state"]) for target in post["targets"]] == [
        ("instagram", "shop", "failed"), ("x", None, "failed"),
    ]  # fmt: skip


def test_what_the_door_does_not_take_is_a_problem(tracker: CommandLine) -> None:
    (tracker.folder / "body.json").write_text("no json")
    held = tracker("send", "body.json")
    assert (held.code, held.out) == (1, '200 {"received":true,"quarantined":true,"reason":"not_json"}\n')
    assert tracker("quarantine", "list", "--json").json["items"][0]["raw"]["body"] == "no json"
    forged = tracker(
        "send", "--event", "post.failed", "--post", "p1", TRACKER_PROVIDERS__SOSYALKOPRU__WEBHOOK_SECRETS="x"
    )
    assert (forged.code, forged.out) == (1, '401 {"error":"İmza geçersiz"}\n')


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--event", "post.failed"), 1, "does `tracker serve` run there?"),
        (("--event", "post.failed", "--provider", "sosyalkoprü"), 2, 'did you mean "sosyalkopru"'),
        (("--event", "post.failed", "--url", "nonsense"), 2, "--url"),
        (("missing.json",), 2, "missing.json: cannot be read"),
        ((), 2, "give either a file or --event"),
        (("missing.json", "--event", "post.failed"), 2, "give either a file or --event"),
    ],
)
def test_what_stands_in_the_way_is_named(tmp_path: Path, words: tuple[str, ...], code: int, says: str) -> None:
    ran = CommandLine(tmp_path).configure("", port=9)("send", *words)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err


def test_without_a_secret_nothing_can_be_signed(tmp_path: Path) -> None:
    tracker = CommandLine(tmp_path).configure("")
    config = tracker.folder / "config.toml"
    config.write_text(config.read_text().replace(f'["{SECRET}"]', "[]"))
    ran = tracker("send", "--event", "webhook.test")
    assert (ran.code, "providers.sosyalkopru.webhook_secrets" in ran.err) == (2, True)


def test_what_only_its_sender_can_sign_is_not_sent(tmp_path: Path) -> None:
    """And the message says which setting it is about."""
    tracker = CommandLine(tmp_path)
    (tmp_path / "config.toml").write_text(
        '[providers.acme]\nkind = "generic"\napi_url = "https://x.example"\nwebhook_secrets = ["'
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        '"]\nfields = { event = "type", post = "id" }\nwebhook = { scheme = "discord" }\n'
    )
    ran = tracker("send", "--event", "post.failed", "--post", "p1")
    assert ran.code
    assert "providers.acme.webhook: ed25519 signs with a key that only the sender has" in ran.err
