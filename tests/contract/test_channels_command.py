"""`tracker channels test`: a real alert by a real channel, and an exit code that says how it went."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = """
[channels.journal]
kind = "log"

[channels.ops]
kind = "slack"
token = "xoxb-hidden"
channel = "C1"
api_url = "{url}/api"

[channels.hook]
kind = "webhook"
url = "{url}/hook"

[outbound]
allow = ["127.0.0.1"]
"""


class Slack(BaseHTTPRequestHandler):
    """Answers every call as the test wants."""

    answer: dict[str, Any]
    got: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        body = json.dumps(self.answer).encode()
        self.send_response(200 if self.answer else 500)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def slack(**answer: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    handler = type("Handler", (Slack,), {"answer": answer, "got": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler.got  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def tracker(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def configure(tracker: CommandLine, url: str) -> None:
    (tracker.folder / "config.toml").write_text(CONFIG.format(url=url))


def test_a_channel_that_takes_the_alert_ends_well(tracker: CommandLine) -> None:
    with slack(ok=True, channel="C1", ts="1.5") as (url, got):
        configure(tracker, url)
        ran = tracker("channels", "test", "ops")
        shown = tracker("channels", "test", "hook", "--json")
    assert (ran.code, ran.lines[0]) == (0, "ops (slack): told")
    assert "Test alert" in got[0]["text"]
    assert "xoxb-hidden" not in ran.out + ran.err
    assert shown.code == 0
    assert shown.json["told"] is True
    assert shown.json["response"]["status"] == 200
    assert got[1]["data"]["title"] == "Test alert"


def test_what_was_sent_and_came_back_is_told_in_words(tracker: CommandLine) -> None:
    """A line for each, without anything that only Python would write so."""
    with slack(ok=True, channel="C1", ts="1.5") as (url, _):
        configure(tracker, url)
        runs = [tracker("channels", "test", name) for name in ("hook", "ops", "journal")]
    pairs = dict(line.split("  ", 1) for line in runs[0].lines[1:])
    told = {name: value.strip() for name, value in pairs.items()}
    assert told["request url"] == url
    assert told["request body data title"] == "Test alert"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", told["request body timestamp"])
    assert told["response status"] == "200"
    for ran in runs:
        assert not re.search(r"datetime|UUID\(|\{'|: None|: True", ran.out), ran.out


@pytest.mark.parametrize(
    ("answer", "said"), [({"ok": False, "error": "channel_not_found"}, "channel_not_found"), ({}, "answered 500")]
)
def test_a_channel_that_does_not_take_it_ends_with_what_came_back(
    tracker: CommandLine, answer: dict[str, Any], said: str
) -> None:
    with slack(**answer) as (url, _):
        configure(tracker, url)
        ran = tracker("channels", "test", "ops")
    assert (ran.code, ran.lines[0]) == (1, "ops (slack): not told")
    assert said in ran.out


def test_a_channel_that_cannot_be_reached_ends_with_why(tracker: CommandLine) -> None:
    configure(tracker, "http://127.0.0.1:9")
    ran = tracker("channels", "test", "hook")
    assert (ran.code, ran.lines[0]) == (1, "hook (webhook): not told")
    assert "refused" in ran.out


def test_a_channel_of_kind_log_writes_to_the_log(tracker: CommandLine) -> None:
    configure(tracker, "http://127.0.0.1:9")
    ran = tracker("channels", "test", "journal")
    assert (ran.code, ran.lines[0]) == (0, "journal (log): told")
    assert "Test alert" in ran.err


def test_a_name_that_is_none_is_told_with_the_nearest(tracker: CommandLine) -> None:
    configure(tracker, "http://127.0.0.1:9")
    ran = tracker("channels", "test", "opps")
    assert ran.code == 2
    assert '"ops"' in ran.err
    assert tracker("channels", "test").code == 2


def test_apprise_is_off_unless_its_addresses_may_go_unchecked(tmp_path: Path) -> None:
    """The reason says what to write; nothing is sent, and nothing of the address is shown."""
    (tmp_path / "config.toml").write_text('[channels.phone]\nkind = "apprise"\nurl = "json://127.0.0.1:9/hidden"\n')
    ran = CommandLine(tmp_path)("channels", "test", "phone", "--json")
    assert (ran.code, ran.json["told"], ran.json["reason"]) == (1, False, "blocked")
    assert '[outbound] allow_unchecked = ["apprise"]' in ran.json["detail"]
    assert "hidden" not in ran.out + ran.err
