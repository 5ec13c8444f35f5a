"""Every kind, in webhooks and answers alike: no failure without its reason, no entry lost, no old error kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.conforming import answers_of
from tests.unit.speaking import WAYS, Way
from tracker.domain.posts.event import Report, State
from tracker.providers.mapping.contents import LONGEST_SHOWN
from tracker.providers.mapping.paths import put

STATED = [way for way in WAYS if way.words.paths["status"] or way.words.paths["target_status"]]
LISTED = [way for way in WAYS if not way.alone]
LISTS = [way for way in LISTED if way.words.targets.form == "list" and not way.words.targets.unnamed]
TELLING = [way for way in WAYS if way.words.paths["target_status"]]
REASONED = [way for way in WAYS if way.words.paths["target_error_message"] or way.words.paths["target_error_code"]]
WHOLE = [way for way in WAYS if way.words.paths["status"] and not way.alone]

each = pytest.mark.parametrize


def named(ways: list[Way]) -> dict[str, Any]:
    return {"argvalues": ways, "ids": [str(way) for way in ways]}


def problems(report: Report) -> list[tuple[str, str]]:
    """What went wrong, with the post first."""
    told = [report.problem, *(target.problem for target in report.targets)]
    return [(problem.code, problem.message) for problem in told if problem]


def codes(report: Report) -> list[str]:
    return [code for code, _ in report.remarks]


REASONS: list[tuple[Any, tuple[str, str]]] = [
    ({"error": "no media"}, ("unspecified", "no media")),
    ({"error": {"code": 137, "message": "no media"}}, ("137", "no media")),
    ({"error": {"code": "DUPLICATE"}}, ("DUPLICATE", "")),
    ({"errors": ["no media", "expired"]}, ("unspecified", "no media; expired")),
    ({"errors": [{"code": 137, "message": "no media"}]}, ("137", "no media")),
    ({"errors": {"media": ["is missing", "is too large"]}}, ("unspecified", "media: is missing; is too large")),
    ({"message": "no media"}, ("unspecified", "no media")),
    ({"details": {"code": 349, "message": "locked"}}, ("349", "locked")),
    ({"error": None, "errors": [], "message": "", "details": {"reason": "no media"}}, ("unspecified", "no media")),
]
"""What may stand beside the status of a failed post."""


@each("way", **named(STATED))
@each(("told", "reason"), REASONS, ids=str)
def test_a_failed_post_has_its_reason_wherever_the_provider_puts_it(
    way: Way, told: dict[str, Any], reason: tuple[str, str]
) -> None:
    body = way.body(State.FAILED)
    _beside(way, body, told)
    report = way.report(body, State.FAILED)
    if report.state is State.FAILED or any(target.state is State.FAILED for target in report.targets):
        assert reason in problems(report) or _read_as_entries(way, told, report)
    else:
        assert way.kind in ("post_for_me", "outstand"), "it has failed"


def _beside(way: Way, body: dict[str, Any], told: dict[str, Any]) -> None:
    """Where the post stands, in the body: in the same table as its id."""
    path = way.words.paths["post"]
    first = path[0].paths[0] if hasattr(path[0], "paths") else path
    for name, value in told.items():
        put(body, (*first[:-1], name), value)


def _read_as_entries(way: Way, told: dict[str, Any], report: Report) -> bool:
    """Whether the kind has the place for its failed targets, which name a platform each in a map."""
    return way.apart and isinstance(told.get("errors"), dict) and bool(problems(report))


@each("way", **named(REASONED))
@each("error", ["old news", ["old news"], {"message": "old news"}], ids=str)
def test_what_is_published_has_no_error_whatever_an_attempt_has_left_there(way: Way, error: Any) -> None:
    entry = way.entry(State.PUBLISHED if not way.apart else None, "x", error)
    if way.apart:
        body = way.body(State.PUBLISHED)
        table = entry if isinstance(entry, dict) else entry[1]
        there = [table] if isinstance(entry, dict) else {"x": table}
        put(body, way.words.paths["succeeded"], there)
        put(body, way.words.paths["failed"], there)
    else:
        body = way.body(State.PUBLISHED, entry)
    report = way.report(body, State.PUBLISHED)
    assert [target.state for target in report.targets] == [State.PUBLISHED]
    assert problems(report) == []
    _beside(way, body, {"error": "old news", "message": "all is well"})
    assert problems(way.report(body, State.PUBLISHED)) == []


@each("way", **named([way for way in WHOLE if way.words.paths["target_url"] and not way.apart]))
def test_an_account_with_an_address_is_published_whatever_errors_stand_there(way: Way) -> None:
    entry = way.entry(None, "x", ["old news"])
    put(entry if isinstance(entry, dict) else entry[1], way.words.paths["target_url"], "https://x.example/1")
    report = way.report(way.body(State.PUBLISHED, entry), State.PUBLISHED)
    assert (report.state, [target.state for target in report.targets]) in (
        (State.PUBLISHED, [None]), (State.PUBLISHED, [State.PUBLISHED]), (None, [State.PUBLISHED]),
    )  # fmt: skip
    assert problems(report) == []


@each("way", **named(LISTS))
def test_an_entry_without_a_platform_is_no_failure_lost(way: Way) -> None:
    """Beside another target it is one more, on a platform that nobody knows."""
    good, bad = way.entry(State.PUBLISHED, "x"), way.entry(State.FAILED, None, "expired")
    body = way.body(State.PARTIAL if State.PARTIAL in way.words.statuses.values() else State.FAILED, good, bad)
    report = way.report(body, State.FAILED)
    told = {target.platform: target.state for target in report.targets}
    assert told == {"x": State.PUBLISHED, "unknown": State.FAILED}
    assert ("unspecified", "expired") in problems(report) or ("expired", "") in problems(report)
    assert codes(report) == ["unplaced_entry"]
    assert not report.lists_whole


@each("way", **named([way for way in LISTS if way.words.paths["status"]]))
def test_an_entry_without_a_platform_alone_is_the_reason_of_a_failed_post(way: Way) -> None:
    """It is no target of its own, so that those that are known end with the post."""
    report = way.report(way.body(State.FAILED, way.entry(State.FAILED, None, "expired")), State.FAILED)
    assert (report.state, report.targets, codes(report)) == (State.FAILED, (), ["unplaced_entry"])
    assert problems(report) == [("unspecified", "expired")]


@each("way", **named([way for way in LISTED if way.apart]))
@each("errors", ["no media", ["no media"], [{"message": "no media"}], [{"errorMessage": "no media"}]], ids=str)
def test_failures_told_in_texts_are_the_reason_of_a_failed_post(way: Way, errors: Any) -> None:
    body = way.body(State.FAILED)
    put(body, way.words.paths["failed"], errors)
    report = way.report(body, State.FAILED)
    assert (report.state, report.targets) == (State.FAILED, ())
    assert ("unspecified", "no media") in problems(report)


@each("way", **named([way for way in LISTED if way.apart]))
def test_failures_told_by_platform_are_targets_in_any_form(way: Way) -> None:
    body = way.body(State.FAILED)
    put(body, way.words.paths["failed"], {"TWITTER": "no media"})
    report = way.report(body, State.FAILED)
    assert [(target.platform, target.state) for target in report.targets] == [("twitter", State.FAILED)]
    assert problems(report) == [("unspecified", "no media")]


NO_LISTS: list[Any] = ["x", 7, True, {"x": "published"}, ["x"], [7, None, True], [["x"]], {"x": {}}]


@each("way", **named([way for way in LISTS if not way.apart]))
@each("there", NO_LISTS, ids=str)
def test_targets_in_no_form_at_all_are_a_remark(way: Way, there: Any) -> None:
    body = way.body(State.PUBLISHED)
    put(body, way.words.paths["targets"], there)
    report = way.report(body, State.PUBLISHED)
    assert report.targets == ()
    assert set(codes(report)) == {"unplaced_entry"}
    assert not report.lists_whole


@each("way", **named(LISTED))
@each("nothing", [None, "", [], {}], ids=str)
def test_no_targets_at_all_are_no_remark(way: Way, nothing: Any) -> None:
    body = way.body(State.PUBLISHED)
    for name in ("targets", "succeeded", "failed"):
        put(body, way.words.paths[name], nothing)
    report = way.report(body, State.PUBLISHED)
    assert (report.targets, report.remarks, report.lists_whole) == ((), (), False)


@each("way", **named([way for way in TELLING if way.kind != "upload_post" or way.direction == "answers"]))
@each("end", [State.PUBLISHED, State.FAILED])
def test_a_status_that_nobody_knows_counts_as_the_end_that_the_event_is(way: Way, end: State) -> None:
    """Inside an event that is an end; in an answer it is no news, for who asks may want to publish it again."""
    entry = way.entry(None, "x", said="exploded")
    if way.words.targets.form == "map":
        body = way.body(end)
        put(body, way.words.paths["targets"], dict([entry]))
    else:
        body = way.body(end, entry)
    report = way.report(body, end)
    (target,) = report.targets
    ends = way.words.events.get(way.event(end))
    if way.apart and way.words.targets.form == "list":
        ends = State.FAILED
    if not ends:
        assert (target.state, report.remarks) == (None, ())
    else:
        assert (target.state, codes(report)) == (ends, ["unknown_status"])
        assert '"exploded"' in report.remarks[0][1]


@each("way", **named([way for way in WHOLE if way.direction == "webhooks"]))
@each("end", [State.PUBLISHED, State.FAILED])
def test_a_post_of_which_nobody_knows_the_status_stands_as_the_events_name_says(way: Way, end: State) -> None:
    report = way.report(way.body(end, said="exploded"), end)
    by_name = way.words.events.get(way.event(end))
    assert report.state is by_name
    assert codes(report) == (["unknown_status"] if by_name else [])
    assert report.raw_status == "exploded"


@each("way", **named([way for way in LISTS if way.words.paths["target_account"]]))
def test_several_results_of_one_account_are_several_things(way: Way) -> None:
    """Whatever comes first, the failure is not hidden behind the success."""
    good, bad = way.entry(State.PUBLISHED, "x"), way.entry(State.FAILED, "x", "no")
    for entries in ([good, bad], [bad, good]):
        report = way.report(way.body(State.PUBLISHED, *entries), State.PUBLISHED)
        assert len({(target.platform, target.account, target.item) for target in report.targets}) == 2
        assert {target.state for target in report.targets} == {State.PUBLISHED, State.FAILED}
        assert [target.item for target in report.targets] == ["1", "2"]


@each("way", **named([way for way in LISTS if not way.words.paths["target_account"] and not way.apart]))
def test_several_results_of_one_platform_without_accounts_are_numbered(way: Way) -> None:
    entries = [way.entry(State.FAILED, "x", "no"), way.entry(State.PUBLISHED, "x")]
    report = way.report(way.body(State.PUBLISHED, *entries), State.PUBLISHED)
    assert [(t.ordinal, t.state) for t in report.targets] == [(1, State.FAILED), (2, State.PUBLISHED)]


@each("way", **named([way for way in WAYS if way.words.paths["target_item"]]))
def test_what_one_account_publishes_in_parts_is_told_apart_by_its_name(way: Way) -> None:
    entry = way.entry(State.FAILED, None, "no")
    put(entry, way.words.paths["target_item"], "part-1")
    report = way.report(way.body(State.FAILED, entry), State.FAILED)
    assert [target.item for target in report.targets] == ["part-1"]


@each("way", **named([way for way in WAYS if way.words.paths["scheduled_at"]]))
def test_a_time_that_cannot_be_read_is_a_remark_with_its_place(way: Way) -> None:
    """In webhooks and answers, cut short; what is empty is none."""
    names = [name for name in ("scheduled_at", "updated_at") if way.words.paths[name]]
    body = way.body(State.SCHEDULED)
    for name in names:
        put(body, way.words.paths[name], "the day after tomorrow, or so, " * 20)
    remarks = [text for code, text in way.report(body, State.SCHEDULED).remarks if code == "unreadable_time"]
    assert len(remarks) == len(names)
    for name, text in zip(names, remarks, strict=True):
        assert ".".join(way.words.paths[name]) in text
        assert len(text) < 150 + LONGEST_SHOWN
    for name in names:
        put(body, way.words.paths[name], "")
    assert way.report(body, State.SCHEDULED).remarks == ()


@each("way", **named([way for way in WAYS if way.words.paths["scheduled_at"]]))
@each(
    "written", ["2026-11-20 09:00:00 UTC", "Fri, 20 Nov 2026 09:00:00 GMT", {"_seconds": 1795165200}, 1795165200000000]
)
def test_a_time_in_another_form_is_read(way: Way, written: Any) -> None:
    body = way.body(State.SCHEDULED)
    put(body, way.words.paths["scheduled_at"], written)
    report = way.report(body, State.SCHEDULED)
    assert report.scheduled_at is not None
    assert (report.scheduled_at.isoformat(), report.remarks) == ("2026-11-20T09:00:00+00:00", ())


def test_the_end_of_a_period_that_cannot_be_read_is_a_remark_too() -> None:
    answers = answers_of("sosyalkopru")
    told: dict[str, Any] = {"apiKey": {"creditBalance": 7}, "currentMonth": {"periodEnd": "the end of the month"}}
    usage = answers.usage({"data": told})
    assert usage
    assert (usage.credits, usage.period_end, [code for code, _ in usage.remarks]) == (7, None, ["unreadable_time"])
    told["currentMonth"]["periodEnd"] = "Tue, 01 Dec 2026 00:00:00 GMT"
    usage = answers.usage({"data": told})
    assert usage
    assert (str(usage.period_end), usage.remarks) == ("2026-12-01 00:00:00+00:00", ())
