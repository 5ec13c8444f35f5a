"""Sosyal Köprü's webhooks: what its guide shows, what we assume, and what cannot be used."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.posts.event import Fact, LoggedEvent, Problem, State, TargetFact
from tracker.errors import Misconfigured, Rejected
from tracker.providers import build_providers
from tracker.providers.adapter import Adapter
from tracker.providers.signing import sign
from tracker.providers.sosyalkopru import SCHEME
from tracker.settings import Settings, load_settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

GUIDE = {
    "event": "post.published",
    "timestamp": "2026-11-20T09:00:00.123Z",
    "data": {
        "postId": "post_01HX5K3M9N2P4",
        "status": "PUBLISHED",
        "platforms": [
            {"platform": "instagram", "status": "PUBLISHED", "platformPostUrl": "https://instagram.com/p/1"},
            {"platform": "twitter", "status": "PUBLISHED", "platformPostUrl": "https://x.com/2"},
        ],
    },
}


def settings(folder: Path, more: str = "") -> Settings:
    """A configuration with one provider, `more` in its section."""
    path = folder / "config.toml"
    path.write_text(
        "[providers.sosyalkopru]\nkind = 'sosyalkopru'\napi_url = 'https://api.example.com/v1'\n"
        f"webhook_secrets = ['one', 'two']\n{more}"
    )
    return load_settings(path, {})


@pytest.fixture
def adapter(tmp_path: Path) -> Adapter:
    """The provider with nothing changed."""
    return build_providers(settings(tmp_path))["sosyalkopru"]


def kept(body: bytes, adapter: Adapter) -> LoggedEvent:
    """The row of the log that a delivery with this body becomes."""
    reading = adapter.read({}, body)
    return LoggedEvent(
        7, 0, "sosyalkopru", "sosyalkopru", reading.kind, reading.posts[0], 0, reading.occurred_at, NOW,
        sha256(body).digest(), body,
    )  # fmt: skip


def fact(adapter: Adapter, body: dict[str, Any]) -> Fact:
    """The fact that a delivery of this body becomes."""
    (told,) = adapter.facts(kept(json.dumps(body).encode(), adapter))
    return told


def about(event: str = "post.updated", **data: Any) -> dict[str, Any]:
    """A body like the guide's about post p1."""
    return {"event": event, "timestamp": "2026-11-20T09:00:00Z", "data": {"postId": "p1", **data}}


def test_the_guides_delivery_is_verified_and_read(adapter: Adapter) -> None:
    """The documented headers and body give the event, the post, the time and the delivery's id."""
    body = json.dumps(GUIDE).encode()
    headers = sign(SCHEME, [b"two"], body, NOW) | {"x-sosyalkopru-delivery": "d1", "authorization": "x"}
    adapter.verify(headers, body, NOW)
    reading = adapter.read(headers, body)
    assert (reading.kind, reading.posts[0], reading.delivery) == ("post.published", "post_01HX5K3M9N2P4", "d1")
    assert reading.occurred_at == datetime(2026, 11, 20, 9, 0, 0, 123000, tzinfo=UTC)
    assert set(reading.headers) == {"x-sosyalkopru-signature", "x-sosyalkopru-delivery"}


def test_the_guides_delivery_becomes_a_fact_with_targets(adapter: Adapter) -> None:
    """Statuses become neutral states, and each platform a target."""
    told = fact(adapter, GUIDE)
    assert (told.state, told.raw_status, told.post) == (State.PUBLISHED, "PUBLISHED", "post_01HX5K3M9N2P4")
    assert told.targets == (
        TargetFact("instagram", None, 1, State.PUBLISHED, "PUBLISHED", "https://instagram.com/p/1"),
        TargetFact("twitter", None, 1, State.PUBLISHED, "PUBLISHED", "https://x.com/2"),
    )
    assert told.id == sha256(json.dumps(GUIDE).encode()).hexdigest() + ".0"


def test_assumed_places_are_read(adapter: Adapter) -> None:
    """Errors, accounts, schedules and attempts are found where they most likely stand."""
    error = {"code": "timeout", "message": "timed out", "retryable": True}
    told = fact(
        adapter,
        about(
            "post.failed",
            status="FAILED",
            error={"code": "all_failed"},
            scheduledAt="2026-11-20T12:00:00+03:00",
            attempt=2,
            platforms=[{"platform": "Instagram", "accountId": "acc_1", "status": "failed", "error": error}],
        ),
    )
    assert told.targets == (
        TargetFact(
            "instagram", "acc_1", 1, State.FAILED, "failed", None, Problem("timeout", "timed out", retryable=True)
        ),
    )
    assert (told.problem, told.attempt) == (Problem("all_failed"), 2)
    assert told.scheduled_at == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_places_statuses_and_zones_can_be_put_right(tmp_path: Path) -> None:
    """What we assumed wrongly, the operator says in the configuration."""
    more = (
        "timezone = 'Europe/Istanbul'\nstatuses = { Live = 'published' }\n"
        "fields = { scheduled_at = 'data.when', target_account = 'acc.id', attempt = '' }"
    )
    adapter = build_providers(settings(tmp_path, more))["sosyalkopru"]
    told = fact(
        adapter,
        about(status="LIVE", when="2026-11-20 12:00", attempt=5, platforms=[{"platform": "x", "acc": {"id": "7"}}]),
    )
    assert (told.state, told.attempt, told.targets[0].key) == (State.PUBLISHED, None, "x:7")
    assert told.scheduled_at == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_equal_platforms_without_account_are_told_apart_by_their_order(adapter: Adapter) -> None:
    """The first and the second entry of a platform are two targets; accounts need no ordinal."""
    platforms = [{"platform": "x"}, {"platform": "X"}, {"platform": "x", "accountId": "a"}, {"platform": "tiktok"}]
    told = fact(adapter, about(platforms=platforms))
    assert [target.key for target in told.targets] == ["x#1", "x#2", "x:a", "tiktok#1"]


@pytest.mark.parametrize(
    ("event", "status", "state"),
    [
        ("post.published", "FAILED", State.FAILED),
        ("post.failed", None, State.FAILED),
        ("Post.Failed", "", State.FAILED),
        ("post.failed", "EXPLODED", State.FAILED),
        ("post.updated", "EXPLODED", None),
        ("post.updated", None, None),
        ("post.deleted", None, State.REMOVED),
        ("post.unknown", None, None),
        ("something.else", "published", State.PUBLISHED),
    ],
)
def test_the_status_counts_first_and_the_events_name_second(
    adapter: Adapter, event: str, status: str | None, state: State | None
) -> None:
    """A name that contradicts the status stays visible beside it, and so does a status that is not known."""
    told = fact(adapter, about(event, status=status))
    assert (told.state, told.raw_status, told.event) == (state, status or None, event.lower())


@pytest.mark.parametrize("timestamp", [None, "", "soon", 5, "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+05:00"])
def test_without_a_usable_time_the_arrival_counts(adapter: Adapter, timestamp: object) -> None:
    """A missing or impossible timestamp does not lose the fact."""
    assert fact(adapter, {"event": "post.updated", "timestamp": timestamp, "data": {"postId": "p"}}).occurred_at == NOW


@pytest.mark.parametrize("event", ["webhook.test", "account.disconnected"])
def test_what_is_about_no_post_is_kept_without_one(adapter: Adapter, event: str) -> None:
    """A test ping, and an event nobody has heard of, need no post."""
    for data in ({}, None, {"postId": None}, "x"):
        assert fact(adapter, {"event": event, "data": data}).post is None
    assert fact(adapter, {"event": event, "data": {"postId": 42}}).post == "42"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe{}", "not_json"),
        (b'{"event": NaN}', "not_json"),
        (b"[" * 200_000, "not_json"),
        (b"[]", "no_event"),
        (b"null", "no_event"),
        (b'{"event": ""}', "no_event"),
        (b'{"event": 5}', "no_event"),
        (b'{"event": "a\\u0000b"}', "bad_event"),
        (b'{"event": "post.failed"}', "no_post"),
        (b'{"event": "POST.FAILED", "data": []}', "no_post"),
        (b'{"event": "post.failed", "data": {"postId": ""}}', "no_post"),
        (b'{"event": "post.failed", "data": {"postId": "a\\u0000"}}', "bad_post"),
        (b'{"event": "post.failed", "data": {"postId": "a\\ud800"}}', "bad_post"),
        (b'{"event": "post.failed", "data": {"postId": ["a"]}}', "bad_post"),
        (b'{"event": "post.failed", "data": {"postId": true}}', "bad_post"),
        (b'{"event": "post.failed", "data": {"postId": 1.5}}', "bad_post"),
        (b'{"event": "webhook.test", "data": {"postId": "' + b"x" * 256 + b'"}}', "bad_post"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_its_code(adapter: Adapter, body: bytes, code: str) -> None:
    """The quarantine says why a delivery is in it."""
    with pytest.raises(Rejected) as rejected:
        adapter.read({}, body)
    assert rejected.value.code == code


def test_a_text_cut_inside_an_emoji_does_not_lose_the_fact(adapter: Adapter) -> None:
    """Half a surrogate pair in a message, or a NUL, is replaced by what Postgres can keep."""
    body = b'{"event":"post.failed","data":{"postId":"p","error":{"message":"oh \\ud83d\\ude00 \\ud83d a\\u0000"}}}'
    told = adapter.facts(kept(body, adapter))[0]
    assert told.problem == Problem("unspecified", "oh \U0001f600 \ufffd a\ufffd")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["event", "data", "postId", "status", "platforms", "platform", "error", "code",
                                      "message", "retryable", "attempt", "accountId"]), inner, max_size=6),
)  # fmt: skip


def updated(data: object, when: object) -> bytes:
    """A delivery that is about a post, with anything for its content."""
    return json.dumps({"event": "post.updated", "timestamp": when, "data": data}).encode()


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | st.builds(updated, JSON, JSON))
def test_any_body_is_read_or_rejected(body: bytes) -> None:
    """Nothing that a body holds raises anything but a rejection, and what is read can be encoded and stored."""
    adapter = build_providers(SETTINGS)["sosyalkopru"]
    try:
        row = kept(body, adapter)
    except Rejected:
        return
    (told,) = adapter.facts(row)
    assert "\x00" not in repr(told)
    repr(told).encode()
    assert told.occurred_at.utcoffset() == timedelta(0)


SETTINGS = Settings.model_validate(
    {"providers": {"sosyalkopru": {"kind": "sosyalkopru", "api_url": "https://x", "webhook_secrets": ["s"]}}}
)


@pytest.mark.parametrize(
    ("more", "key", "words"),
    [
        ("fields = { error_cod = 'x' }", "fields.error_cod", 'did you mean "error_code"?'),
        ("fields = { error_code = 'a..b' }", "fields.error_code", '"a..b" is not a path'),
        ("calls = { gett = 'GET /x' }", "calls.gett", 'did you mean "get"?'),
        ("calls = { get = '/posts/{post}' }", "calls.get", 'as in "GET /posts/{post}"'),
        ("calls = { get = 'GET /posts' }", "calls.get", "it must name the post"),
    ],
)
def test_a_wrong_name_in_a_providers_section_is_named(tmp_path: Path, more: str, key: str, words: str) -> None:
    """What only the kind can judge is reported as precisely as the rest."""
    with pytest.raises(Misconfigured, match=r"config\.toml:5") as told:
        build_providers(settings(tmp_path, more))
    assert told.value.key == f"providers.sosyalkopru.{key}"
    assert words in told.value.message


@pytest.mark.parametrize(("kind", "words"), [("sosyalkopr", 'did you mean "sosyalkopru"?'), ("generik", "known: ")])
def test_a_kind_that_is_not_there_is_named(tmp_path: Path, kind: str, words: str) -> None:
    """An unknown kind names those that exist."""
    path = tmp_path / "config.toml"
    path.write_text(f"[providers.a]\nkind = '{kind}'\napi_url = 'https://x'")
    with pytest.raises(Misconfigured, match=r"config\.toml:2") as told:
        build_providers(load_settings(path, {}))
    assert words in told.value.message
