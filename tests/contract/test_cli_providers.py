"""`tracker providers`: what is usual, and how posts would stand with another mapping, before anything is changed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.command_line import CONFIG, SECRET, CommandLine, execute, said, take
from tests.integration.told import NOON, PROVIDER
from tracker.process import mapping_trial
from tracker.providers import build_providers
from tracker.providers.watched import watchings
from tracker.reconcile import drift_monitor
from tracker.settings import Settings
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path


SINCE = "2026-11-01"


def told(post: str, status: str, second: int) -> bytes:
    target = {"platform": "x", "accountId": "a", "status": status, "platformPostUrl": None}
    return said("post.changed", post, second, status=status, platforms=[target])


@pytest.fixture
def tracker(tmp_path: Path, database_url: str) -> CommandLine:
    """Three posts, two of which say a word that nothing maps."""
    take(
        database_url, told("p1", "PUBLISHED", 1), told("p2", "PUBLISHING", 2), told("p2", "LIVE", 3),
        told("p3", "LIVE", 4), now=NOON + timedelta(seconds=10),
    )  # fmt: skip
    return CommandLine(tmp_path).configure(database_url)


def configured(tracker: CommandLine, more: str, name: str = "mapped.toml") -> str:
    """A file like the configuration, with more in it."""
    (tracker.folder / name).write_text((tracker.folder / "config.toml").read_text() + more)
    return name


LIVE = '\n[providers.sosyalkopru.statuses]\nLIVE = "published"\n'


def look(url: str) -> None:
    settings = Settings.model_validate(
        {"providers": {PROVIDER: {"kind": PROVIDER, "api_url": "http://127.0.0.1:9/v1"}}}
    )

    async def work() -> None:
        async with Database.open(url) as database:
            await drift_monitor.look(database, watchings(settings, build_providers(settings)), NOON)

    asyncio.run(work())


def test_what_is_usual_is_printed(tracker: CommandLine, database_url: str) -> None:
    before = tracker("providers", "shapes", PROVIDER)
    nothing = f"nothing is known yet of what {PROVIDER} sends: [jobs.drift] learns it from the log"
    assert (before.code, before.lines) == (0, [nothing])
    look(database_url)
    ran = tracker("providers", "shapes", PROVIDER)
    assert ran.code == 0
    assert ran.lines[0].startswith("post.changed: 4 events looked at, the last at 2026-11-10 12:00:10Z")
    (line,) = [" ".join(line.split()) for line in ran.lines if line.startswith("data.status")]
    assert line == "data.status status 100% string LIVE 2, PUBLISHED 1, PUBLISHING 1"
    (one,) = tracker("providers", "shapes", PROVIDER, "--event", "post.changed", "--json").json["items"]
    url = next(path for path in one["paths"] if path["path"] == "data.platforms[].platformPostUrl")
    assert url == {
        "path": "data.platforms[].platformPostUrl", "name": "target_url", "share": 0.0, "types": {"null": 4},
        "words": {},
    }  # fmt: skip
    wrong = tracker("providers", "shapes", PROVIDER, "--event", "post.chnaged")
    assert (wrong.code, 'did you mean "post.changed"' in wrong.err) == (1, True)
    assert tracker("providers", "shapes", "sosyalkopru2").code == 2


def test_a_trial_says_which_posts_would_stand_otherwise_and_changes_nothing(tracker: CommandLine) -> None:
    mapped = configured(tracker, LIVE)
    ran = tracker("providers", "trial", PROVIDER, "--since", SINCE, "--config", mapped)
    assert ran.code == 0
    assert ran.lines[0] == "1 post as now, 2 otherwise"
    assert ran.lines[1:5] == [
        "p2", "  state: publishing -> published", "  published_at: - -> 2026-11-10 12:00:03Z",
        "  x:a: publishing -> published",
    ]  # fmt: skip
    again = tracker("providers", "trial", PROVIDER, "--since", SINCE, "--config", mapped, "--json").json
    assert {name: again[name] for name in ("posts", "same", "different", "unreadable", "error")} == {
        "posts": 3, "same": 1, "different": 2, "unreadable": 0, "error": None,
    }  # fmt: skip
    assert [(one["post"], one["after"]["state"]) for one in again["differing"]] == [
        ("p2", "published"), ("p3", "published"),
    ]  # fmt: skip
    assert tracker("providers", "trial", PROVIDER, "--since", SINCE).lines == ["3 posts as now, 0 otherwise"]
    assert tracker("providers", "trial", PROVIDER, "--since", "2026-11-12", "--config", mapped).lines == [
        "0 posts as now, 0 otherwise"
    ]


def test_a_file_with_nothing_but_the_provider_will_do(tracker: CommandLine) -> None:
    section = CONFIG.partition("[providers")[2].partition("[channels")[0]
    (tracker.folder / "only.toml").write_text(f"[providers{section.format(secret=SECRET)}{LIVE}")
    ran = tracker("providers", "trial", PROVIDER, "--since", SINCE, "--config", "only.toml")
    assert (ran.code, ran.lines[0]) == (0, "1 post as now, 2 otherwise")


@pytest.mark.parametrize(
    ("more", "name", "words"),
    [
        (LIVE.replace('"published"', '"publshed"'), PROVIDER,
         ["providers.sosyalkopru.statuses.LIVE", '"publshed" is not a state', 'did you mean "published"']),
        ("\n[providers.sosyalkopru.fields]\ntarget_ulr = 'url'\n", PROVIDER,
         ["providers.sosyalkopru.fields.target_ulr", 'did you mean "target_url"']),
        ("", "sosyalkopr", ["providers.sosyalkopr", "there is no such provider", 'did you mean "sosyalkopru"']),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tracker: CommandLine, more: str, name: str, words: list[str]) -> None:
    ran = tracker("providers", "trial", name, "--config", configured(tracker, more))
    assert ran.code == 2
    for word in ("mapped.toml", *words):
        assert word in ran.err, (word, ran.err)


def test_a_post_beyond_reading_is_counted_and_said(tracker: CommandLine, database_url: str) -> None:
    execute(
        database_url, "insert into events (day, epoch, bucket, source, provider, delivery, body_hash, kind, post, part,"
        " received_at, conflict, headers, body) select day, epoch, bucket, 'gone', provider, 'd9', '\\x09', kind, post,"
        " part, received_at, false, '{}', body from events where post = 'p1'",
    )  # fmt: skip
    ran = tracker("providers", "trial", PROVIDER, "--since", SINCE)
    assert (ran.code, ran.lines[0]) == (1, "2 posts as now, 0 otherwise")
    assert "1 post beyond reading, as post.changed at 9: no [providers.gone]" in ran.err


def test_many_posts_are_shared_by_processes_and_told_up_to_a_bound(
    tracker: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping_trial, "SHARE", 1)
    monkeypatch.setattr(mapping_trial, "PAGE", 1)
    monkeypatch.setattr(mapping_trial, "workers", lambda: 3)
    mapped = configured(tracker, LIVE)

    def tried(*more: str) -> Any:
        return tracker("providers", "trial", PROVIDER, "--since", SINCE, "--config", mapped, "--json").json

    told = tried()
    assert [one["post"] for one in told["differing"]] == ["p2", "p3"]
    assert (told["posts"], told["same"]) == (3, 1)
    monkeypatch.setattr(mapping_trial, "MOST_TOLD", 1)
    told = tried()
    assert (told["different"], len(told["differing"])) == (2, 1)


def test_a_provider_that_sends_no_webhooks_has_no_past_to_read_anew(tracker: CommandLine) -> None:
    more = '\n[providers.asked]\nkind = "buffer"\napi_url = "http://127.0.0.1:9"\n'
    ran = tracker("providers", "trial", "asked", "--config", configured(tracker, more))
    assert (ran.code, "it sends no webhooks" in ran.err) == (2, True)
