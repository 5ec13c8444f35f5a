"""What a webhook of each kind comes to as a fact: its time, what it lists, and whether it is an end by its name."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.conforming import adapter_of, answers_of, logged
from tests.unit.shapes import ARRIVAL, SHAPES, Case
from tests.unit.speaking import DOORS
from tracker.domain.posts.event import Fact, Report, TargetFact
from tracker.facts.own_facts import fact_of, reconciled
from tracker.providers.mapping.paths import put
from tracker.providers.registry import KINDS

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DATED = [kind for kind in DOORS if adapter_of(kind).words.paths["occurred_at"]]
EVENTS = {"post_for_me": "processed, which says nothing"}
"""Which of its shapes tells a time, where it is not the first."""


def body_of(kind: str, name: str = "published") -> Any:
    case = SHAPES[kind][name]
    assert isinstance(case, Case)
    return copy.deepcopy(case.body)


def facts(kind: str, body: Any, more: dict[str, Any] | None = None) -> list[Fact]:
    adapter = adapter_of(kind, more or {})
    return [fact for row in logged(adapter, kind, json.dumps(body).encode()) for fact in adapter.facts(row)]


def at(kind: str, written: Any) -> Fact:
    """Its usual webhook, with that for a time."""
    body = body_of(kind, EVENTS.get(kind, "published"))
    put(body, adapter_of(kind).words.paths["occurred_at"], written)
    return facts(kind, body, {"timezone": "UTC"})[0]


@pytest.mark.parametrize("kind", DATED)
@pytest.mark.parametrize(("written", "unit"), [
    ("2026-11-20 09:00:00 UTC", SECOND),
    ("2026-11-20T09:00:00.000Z[UTC]", timedelta(milliseconds=1)),
    ("Fri, 20 Nov 2026 12:00:00 +0300", SECOND),
    ("Fri Nov 20 2026 09:00:00 GMT+0000 (Coordinated Universal Time)", SECOND),
    ("20.11.2026 09:00", timedelta(minutes=1)),
    ("2026-11-20T08:59:60Z", SECOND),
    ({"_seconds": 1795165200, "_nanoseconds": 0}, SECOND),
    (1795165200000000, timedelta(0)),
    ("1795165200.5", timedelta(milliseconds=100)),
], ids=str)  # fmt: skip
def test_a_webhook_is_dated_by_any_form_of_time_and_tells_its_unit(kind: str, written: Any, unit: timedelta) -> None:
    fact = at(kind, written)
    assert fact.occurred_at - AT in (timedelta(0), timedelta(milliseconds=500))
    assert (fact.dated, fact.unit, fact.remarks) == (True, unit, ())


@pytest.mark.parametrize("kind", DATED)
@pytest.mark.parametrize("written", ["11/20/2026 09:00", "soon", [1], True, {"at": 1}], ids=str)
def test_a_webhook_whose_time_cannot_be_read_says_so_and_is_dated_by_its_arrival(kind: str, written: Any) -> None:
    fact = at(kind, written)
    assert (fact.occurred_at, fact.dated, fact.unit) == (ARRIVAL, False, timedelta(0))
    ((code, text),) = fact.remarks
    assert code == "unreadable_time"
    assert "occurred_at" in text
    assert ".".join(adapter_of(kind).words.paths["occurred_at"]) in text


@pytest.mark.parametrize("kind", DATED)
@pytest.mark.parametrize("written", ["", 0, "0001-01-01T00:00:00Z"], ids=str)
def test_a_webhook_without_a_time_says_nothing_of_it(kind: str, written: Any) -> None:
    fact = at(kind, written)
    assert (fact.occurred_at, fact.dated, fact.remarks) == (ARRIVAL, False, ())


LISTS_WHOLE = {
    "sosyalkopru": True, "zernio": True, "ayrshare": True, "bundle_social": True, "post_for_me": False,
    "outstand": True, "upload_post": False, "mixpost": True, "postiz": True, "generic": False,
}  # fmt: skip
ENDS_BY_NAME = dict.fromkeys(DOORS, True) | {"generic": False}
"""A result of one account, or of one platform, is the end of that one."""


@pytest.mark.parametrize("kind", DOORS)
def test_what_a_webhook_lists_is_said_by_its_kind_and_by_its_operator(kind: str) -> None:
    """A result of one account, or of one platform, is a part."""
    (fact,) = facts(kind, body_of(kind))
    assert fact.lists_whole is LISTS_WHOLE[kind]
    if kind != "post_for_me":
        for said in ("whole", "part"):
            (fact,) = facts(kind, body_of(kind), {"lists": said})
            assert fact.lists_whole is (said == "whole")


@pytest.mark.parametrize("kind", DOORS)
def test_a_webhook_is_an_end_by_its_name_of_what_it_speaks_of(kind: str) -> None:
    (fact,) = facts(kind, body_of(kind))
    assert fact.ends_by_name is ENDS_BY_NAME[kind]
    assert not facts(kind, body_of(kind, "unknown event"))[0].ends_by_name if kind != "postiz" else True


def test_an_operator_says_which_events_are_ends() -> None:
    ends = {"ends": ["Publication.Changed"]}
    assert [fact.ends_by_name for fact in facts("generic", body_of("generic"), ends)] == [True]
    scheduled = body_of("generic")
    scheduled["publication"]["state"] = "waiting"
    assert [fact.ends_by_name for fact in facts("generic", scheduled, ends)] == [False]


def test_one_platform_of_several_is_no_end_of_the_post_and_no_list_of_it() -> None:
    (alone,) = facts("zernio", body_of("zernio", "published alone"))
    assert (alone.state, alone.ends_by_name, alone.lists_whole) == (None, True, False)
    (there,) = facts("zernio", body_of("zernio", "a post made elsewhere"))
    assert (there.ends_by_name, there.lists_whole) == (False, True)


def test_what_is_told_by_its_end_lists_the_whole_only_once_all_has_ended() -> None:
    for kind in ("ayrshare", "bundle_social"):
        words = answers_of(kind).words
        body: dict[str, Any] = {}
        there: Any = [{"platform": "x"}] if kind == "ayrshare" else {"x": {"permalink": "https://x.example/1"}}
        put(body, words.paths["succeeded"], there)
        put(body, words.paths["status"], "processing")
        assert not words.report(body).lists_whole
        put(body, words.paths["status"], next(word for word, state in words.statuses.items() if state == "published"))
        assert words.report(body).lists_whole


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_an_answer_lists_is_said_by_its_kind_and_by_its_operator(kind: str) -> None:
    """A post without targets lists none."""
    for said in ("whole", "part"):
        words = answers_of(kind, {"answer_lists": said}).words
        assert words.targets.lists_whole is (said == "whole")
    usual = KINDS[kind].answer_lists.path == "whole"
    assert answers_of(kind).words.targets.lists_whole is usual


def test_an_answer_keeps_what_was_read_of_it_in_the_log() -> None:
    told = Report(targets=(TargetFact("x", "a", item="i1"),), lists_whole=True, remarks=(("unreadable_time", "soon"),))
    fact = fact_of(reconciled("p", "p1", told, AT, AT))
    assert (fact.targets, fact.lists_whole, fact.remarks) == (told.targets, True, told.remarks)


def test_what_the_door_could_not_read_is_read_when_the_log_is_read_anew() -> None:
    """A time in a form that was not known when it came."""
    adapter = adapter_of("zernio")
    body = body_of("zernio")
    body["timestamp"] = "Fri, 20 Nov 2026 09:00:00 GMT"
    (row,) = logged(adapter, "zernio", json.dumps(body).encode())
    (fact,) = adapter.facts(replace(row, occurred_at=None))  # as an older door left it
    assert (fact.occurred_at, fact.dated, fact.unit) == (AT, True, SECOND)
