"""What actions say: typed by their verb, and in the database the same JSON as ever."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from tracker.domain.payloads import AlertPayload, OtherPayload, RetryPayload, payload_of

RAISED = {
    "title": "p1 failed", "body": "", "severity": "warning", "resolves": False, "resolved": False, "rule": "r",
    "key": "r/p1", "provider": "sosyalkopru", "post": "p1", "target": None,
}  # fmt: skip
KNOWN: list[tuple[str, dict[str, Any]]] = [
    ("alert", RAISED),
    ("alert", {**RAISED, "of": "6a3c8f0e-2b57-5d1c-9d0e-51f2c07b9a44", "correction": True, "again": 2}),
    ("alert", {**RAISED, "others": [{"title": "p2 failed", "post": None, "key": "r/p2"}]}),
    ("send", {"event": "post.failed", "data": {"rule": "r", "posts": [1, None]}}),
    ("send", {"event": "post.failed", "data": {}, "text": "p1 failed"}),
    ("retry", {"what": "publish", "post": "p1", "target": None, "attempt": 1}),
    ("reconcile", {"post": "p1"}),
]


@pytest.mark.parametrize(("verb", "stored"), KNOWN)
def test_what_is_stored_is_read_and_written_as_it_is(verb: str, stored: dict[str, Any]) -> None:
    payload = payload_of(verb, stored)
    assert not isinstance(payload, OtherPayload)
    assert msgspec.json.decode(msgspec.json.encode(payload)) == stored


def test_what_older_rows_do_not_say_is_not_told() -> None:
    alert = payload_of("alert", {"title": "it failed", "from": "a later version"})
    assert isinstance(alert, AlertPayload)
    assert (alert.title, alert.key, alert.of, alert.others) == ("it failed", UNSET, UNSET, UNSET)


@pytest.mark.parametrize(
    ("verb", "stored"), [("fly", {"far": 1}), ("alert", {"title": 1}), ("retry", {"attempt": "x"})]
)
def test_what_cannot_be_read_is_kept_as_it_is_and_stops_nobody(verb: str, stored: dict[str, Any]) -> None:
    assert payload_of(verb, stored) == OtherPayload(stored)


@pytest.mark.parametrize(("attempt", "following"), [(1, 2), (None, None)])
def test_a_retry_begins_the_attempt_after_the_one_that_failed(attempt: int | None, following: int | None) -> None:
    assert RetryPayload(post="p1", attempt=attempt).following == following


def test_each_alert_has_these_keys_also_where_there_is_nothing_to_say() -> None:
    assert msgspec.json.decode(msgspec.json.encode(AlertPayload(key="r/p1"))).keys() == RAISED.keys()
