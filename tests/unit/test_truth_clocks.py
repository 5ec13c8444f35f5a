"""Several clocks in one order, and times as providers write them.

Mixpost, Post for Me and Outstand tell a time with some events only, Mixpost in whole seconds. Log and event systems
that order by the sender's time had to bound times from the future (datalust/seq-tickets 1570, deliveroo/routemaster PR
88, PostHog/posthog 98250). Two events of one second left runs "in progress" for good (promhippie/github_exporter PR
312). GitLab writes "2018-11-11 13:23:52 UTC" (gitlab4j/gitlab4j-api 333), others whatever their language prints.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from tests.unit import saying as say
from tests.unit.saying import target
from tests.unit.stories import Answer, Webhook, codes, facts_of, iso, moment, states, story

DAY = 86_400
AT_46 = "2026-11-20 12:00:46"


def test_whole_seconds_and_no_time_within_one_second() -> None:
    post = story(
        "mixpost",
        say.mixpost(46.401, "scheduled", "scheduled"),
        say.mixpost(46.71, "published", "published", when=AT_46),
    )
    assert (post.state, post.attempt, codes(post)) == ("published", 1, [])


@pytest.mark.parametrize("later", [46.9, 400, 40_000])
def test_what_tells_no_time_does_not_overtake_an_end(later: float) -> None:
    account = {"uuid": "u", "provider": "x"}
    for accounts in ((), (account,)):
        post = story(
            "mixpost", say.mixpost(46.71, "published", "published", *accounts, when=AT_46),
            say.mixpost(later, "scheduled", "scheduled", *accounts),
        )  # fmt: skip
        assert (post.state, post.attempt, codes(post)) == ("published", 1, ["not_later"])


@pytest.mark.parametrize("behind", [0.5, 180])
def test_a_clock_that_is_behind_publishes_what_failed_or_was_planned_without_a_time(behind: float) -> None:
    """It says published for a moment that lies before the arrival of what came first."""
    when = iso(11 - behind)[:19] + "Z"
    account = {"network": "x", "accountId": "a"}
    post = story(
        "outstand", say.outstand(10.5, "post.error", account | {"status": "failed", "error": "no"}),
        say.outstand(12, "post.published", account | {"status": "published"}, when=when),
    )  # fmt: skip
    assert (post.state, post.attempt, post.problem) == ("published", 1, None)
    there = {"uuid": "u", "provider": "x"}
    post = story(
        "mixpost", say.mixpost(10.5, "scheduled", "scheduled", there),
        say.mixpost(12, "published", "published", there, when=when[:19].replace("T", " ")),
    )  # fmt: skip
    assert (post.state, post.attempt) == ("published", 1)


@pytest.mark.parametrize("ahead", [90, 3 * DAY, 73 * 365 * DAY])
def test_a_time_from_the_future_holds_nothing_and_is_noted(ahead: float) -> None:
    """Of the post, of a target, or in an answer."""
    sent = story("sosyalkopru", say.sosyalkopru(0, "PUBLISHING", when=iso(ahead)), say.sosyalkopru(10, "PUBLISHED"))
    early = say.zernio(0, "post.scheduled", "scheduled", target("x", "pending", "a"))
    of_target = story(
        "zernio", Webhook(0, early.body | {"timestamp": iso(ahead)}), say.zernio_alone(10, "published", "x", "a")
    )
    answered = story(
        "zernio", say.zernio_answer(0, "publishing", target("x", "processing", "a"), updatedAt=iso(ahead)),
        say.zernio(10, "post.published", "published", target("x", "published", "a")),
    )  # fmt: skip
    for post in (sent, of_target):
        assert (post.state, post.attempt, codes(post)) == ("published", 1, ["ahead_of_clock"])
        assert post.published_at == moment(10)
    assert (answered.state, answered.attempt) == ("published", 1)


def test_a_time_in_an_answer_that_is_ahead_is_noted() -> None:
    told = say.zernio_answer(0, "publishing", target("x", "processing", "a"))
    body = {"post": told.body["post"] | {"updatedAt": iso(3 * DAY)}}
    assert codes(story("zernio", Answer(0, body))) == ["ahead_of_clock"]


def test_a_clock_that_is_minutes_ahead_keeps_its_own_order() -> None:
    """The last one arrives first."""
    told = [("PUBLISHED", 310), ("PUBLISHING", 305), ("SCHEDULED", 300)]
    post = story("sosyalkopru", *[say.sosyalkopru(10 + n, word, when=iso(at)) for n, (word, at) in enumerate(told)])
    assert (post.state, post.attempt) == ("published", 1)
    post = story(
        "bundle_social", say.bundle(0, "POSTED", when=300, externalData={"X": {"permalink": "https://x.example/1"}}),
        Answer(60, {"id": "p1", "status": "PROCESSING", "updatedAt": iso(290)}),
    )  # fmt: skip
    assert (post.state, post.attempt) == ("published", 1)
    post = story("bundle_social", say.bundle(0, "PROCESSING", "post.updated", when=300),
                 say.bundle(60, "ERROR", when=360, errors={"X": "no"}))  # fmt: skip
    assert post.state == "failed"


def test_hours_ahead_for_want_of_a_zone_are_noted_with_each() -> None:
    """Upload-Post's times name none; its clock here is three hours east of what is set."""
    told = [say.upload_post(10_800, success=True), say.upload_post(10_805, success=False, platform="y", error="no")]
    post = story("upload_post", *[Webhook(one.at - 10_800, one.body) for one in told])
    assert (post.state, codes(post)) == ("partial", ["ahead_of_clock"] * 2)


QUEUE = {"id": "p1", "state": "QUEUE", "integration": {"id": "i", "providerIdentifier": "x"}}


def asked(status: str) -> Answer:
    """Buffer's answer: both at one time."""
    post = {"id": "p1", "status": status, "updatedAt": iso(0), "channelId": "c", "channelService": "x"}
    return Answer(1, {"data": {"post": post}})


TIES: dict[str, tuple[str, Webhook | Answer, Webhook | Answer, str]] = {
    "zernio": ("zernio", say.zernio(0, "post.scheduled", "scheduled", target("x", "pending", "a")),
               say.zernio_alone(0, "published", "x", "a"), "published"),
    "zernio, failed": ("zernio", say.zernio(0, "post.scheduled", "scheduled", target("x", "pending", "a")),
                       say.zernio_alone(0, "failed", "x", "a", error="no"), "failed"),
    "zernio, taken down": ("zernio", say.zernio_alone(0, "published", "x", "a"),
                           say.zernio_alone(0, "deleted", "x", "a"), "removed"),
    "post for me": ("post_for_me", say.post_for_me(1, "processing", "spc_1"), say.result(1, "r", success=True),
                    "published"),
    "upload-post": ("upload_post", Answer(1, {"job_id": "p1", "status": "processing", "last_update": iso(0),
                    "results": [{"platform": "x", "status": "processing"}]}), say.upload_post(0, success=True),
                    "published"),
    "postiz": ("postiz", Answer(0.5, QUEUE), say.postiz(0, "PUBLISHED"), "published"),
    "buffer": ("buffer", asked("scheduled"), asked("sent"), "published"),
    "sosyalkopru": ("sosyalkopru", say.sosyalkopru(0, "PUBLISHING", target("x", "PUBLISHING")),
                    say.sosyalkopru(0, "PUBLISHED", target("x", "PUBLISHED")), "published"),
}  # fmt: skip


@pytest.mark.parametrize("name", TIES)
def test_of_one_moment_what_is_further_along_counts(name: str) -> None:
    kind, one, other, state = TIES[name]
    for told in permutations([one, other]):
        post = story(kind, *told)
        assert (post.state, set(states(post).values()), post.attempt) == (state, {state}, 1)


READ: list[Any] = [
    "2026-11-20 12:00:05 UTC", "Fri, 20 Nov 2026 12:00:05 GMT", "2026-11-20T12:00:05Z[UTC]", 1795176005000000,
    "1795176005.0", {"_seconds": 1795176005, "_nanoseconds": 0}, "2026-11-20T12:00:04.999+00:00:00",
    "Fri Nov 20 2026 12:00:05 GMT+0000 (Coordinated Universal Time)", "20.11.2026 12:00", 1795176005, "1795176005000",
    "2026-11-20T15:00:05+0300", "2026-11-20 15:00:05 +03:00", "2026-11-20T12:00:05.000000123Z",
    "2026-11-20 12:00:05 +0000 UTC", "2026-11-20T12:00:05,0Z", "2026-11-20t12:00:05z", "Nov 20, 2026 12:00 PM",
    "/Date(1795176005000)/", "/Date(1795176005000+0300)/", {"$date": {"$numberLong": "1795176005000"}},
    {"__type": "Date", "iso": "2026-11-20T12:00:05.000Z"},
    {"date": "2026-11-20 15:00:05", "timezone": "Europe/Istanbul"},
]  # fmt: skip
ODD: list[tuple[Any, str]] = [
    ("2026-11-20T12:59:60Z", "2026-11-20T13:00:00+00:00"), ("2026-11-20T24:00:00Z", "2026-11-21T00:00:00+00:00"),
]  # fmt: skip
UNREAD: list[Any] = ["soon", "20/11/2026 12:00", "20 Kasım 2026", True, -1, [2026, 11, 20], {"at": "noon"}, "1.79e9"]


@pytest.mark.parametrize("written", READ, ids=str)
def test_a_time_is_read_however_it_is_written(written: Any) -> None:
    (fact,) = facts_of("sosyalkopru", say.sosyalkopru(DAY, "PUBLISHED", when=written, scheduledAt=written))
    assert (fact.dated, fact.remarks) == (True, ())
    for time in (fact.occurred_at, fact.scheduled_at):
        assert time is not None
        assert abs((time - moment(5)).total_seconds()) <= 5
    (answer,) = facts_of("zernio", Answer(DAY, {"post": {"_id": "p1", "updatedAt": written, "scheduledFor": written}}))
    assert (answer.scheduled_at, answer.remarks) == (fact.scheduled_at, ())


@pytest.mark.parametrize(("written", "is_"), ODD, ids=str)
def test_a_leap_second_and_midnight_are_read(written: str, is_: str) -> None:
    (fact,) = facts_of("sosyalkopru", say.sosyalkopru(DAY, "PUBLISHED", when=written))
    assert fact.occurred_at.isoformat() == is_


@pytest.mark.parametrize("written", UNREAD, ids=str)
def test_a_time_that_cannot_be_read_is_a_note_with_its_place(written: Any) -> None:
    (fact,) = facts_of("sosyalkopru", say.sosyalkopru(9, "PUBLISHED", when=written, scheduledAt=written))
    assert not fact.dated
    assert [text.split(",")[:2] for _, text in fact.remarks] == [
        ["occurred_at", " at timestamp"], ["scheduled_at", " at data.scheduledAt"],
    ]  # fmt: skip
    (answer,) = facts_of("zernio", Answer(9, {"post": {"_id": "p1", "updatedAt": written, "scheduledFor": written}}))
    assert [code for code, _ in answer.remarks] == ["unreadable_time"] * 2


def test_out_of_order_in_ruby_s_way_of_writing() -> None:
    post = story(
        "sosyalkopru", say.sosyalkopru(100, "PUBLISHED", when="2026-11-20 12:00:05 UTC"),
        say.sosyalkopru(101, "PUBLISHING", when="2026-11-20 12:00:01 UTC"),
    )  # fmt: skip
    assert (post.state, post.attempt) == ("published", 1)
    for kind, one, other in (
        ("upload_post", say.upload_post(9, success=True), say.upload_post(9, success=False, error="no")),
        ("bundle_social", say.bundle(9, "POSTED"), say.bundle(9, "PROCESSING", "post.updated")),
    ):
        place = "created_at" if kind == "upload_post" else "updatedAt"
        for body, written in ((one.body, "Fri, 20 Nov 2026 12:00:05 GMT"), (other.body, "2026-11-20 12:00:01 UTC")):
            body.get("data", body)[place] = written
        assert story(kind, one, other).state == "published"
