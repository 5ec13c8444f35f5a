"""The same end again, by the same event, with nothing in between.

Who publishes again in a provider's own app gets a second webhook like the first: home-assistant/core 13003 is what
automations make of that when only changes are heard. bundle.social counts `retryCount` up, Outstand, Ayrshare, Mixpost
and Upload-Post send ends only, Zernio sends one for each platform and one for the post; a recurring post of Postiz is
published again under the same id (gitroomhq/postiz-app, PR 1994).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit import saying as say
from tests.unit.saying import target
from tests.unit.stories import Answer, Webhook, changes, iso, moment, story
from tracker.domain.posts.change import Move

Told = Webhook | Answer
OUT = {"platform": "x", "status": "success", "postUrl": "https://x.example/1"}


def failed(kind: str, at: float, reason: str) -> Webhook:
    """A failure, of one platform, as that kind tells of it."""
    account = {"network": "x", "accountId": "a", "uuid": "a", "provider": "x"}
    return {
        "sosyalkopru": say.sosyalkopru(at, "FAILED", error={"code": "E", "message": reason}),
        "zernio": say.zernio(at, "post.failed", "failed", target("x", "failed", "a", error=reason)),
        "zernio, alone": say.zernio_alone(at, "failed", "x", "a", error=reason),
        "ayrshare": say.ayrshare(at, "error", errors=[{"platform": "x", "code": 1, "message": reason}]),
        "bundle_social": say.bundle(at, "ERROR", errors={"X": reason}),
        "outstand": say.outstand(at, "post.error", account | {"status": "failed", "error": reason}),
        "upload_post": say.upload_post(at, success=False, error=reason),
        "mixpost": say.mixpost(at, "publishing_failed", "failed", account | {"errors": [reason]}),
        "generic": say.generic(at, "broken", X={"state": "broken", "reason": reason}),
    }[kind]


FAILING = (
    "sosyalkopru", "zernio", "zernio, alone", "ayrshare", "bundle_social", "outstand", "upload_post", "mixpost",
    "generic",
)  # fmt: skip
ENDS: dict[str, Any] = {"ends": ["publication.changed"]}


def again(kind: str, *told: Told) -> list[list[Move]]:
    """The moves of the post itself, with each of what was told."""
    made = changes(kind.partition(",")[0], *told, more=ENDS if kind == "generic" else {})
    return [[move for move in one.moves if move.target is None] for one in made]


@pytest.mark.parametrize("kind", FAILING)
def test_each_failure_is_heard_and_counted(kind: str) -> None:
    told = [failed(kind, 1800 * n, f"reason {n}") for n in range(3)]
    heard = again(kind, *told)
    assert [[(str(move.after), move.again) for move in moves] for moves in heard] == [
        [("failed", False)], [("failed", True)], [("failed", True)],
    ]  # fmt: skip
    post = story(kind.partition(",")[0], *told, more=ENDS if kind == "generic" else {})
    assert (post.state, post.attempt, post.times, post.failed_at) == ("failed", 1, 3, moment(3600))
    assert "reason 2" in repr(post.problem)


@pytest.mark.parametrize("kind", FAILING)
def test_published_after_all_and_failed_again_is_a_new_count(kind: str) -> None:
    whole = kind.partition(",")[0]
    told = failed(kind, 0, "a"), failed(kind, 30, "b"), PUBLISHED[whole]
    post = story(whole, *told, more=ENDS if whole == "generic" else {})
    assert (post.state, post.times, post.problem) == ("published", 1, None)


PUBLISHED: dict[str, Webhook] = {
    "sosyalkopru": say.sosyalkopru(60, "PUBLISHED"),
    "zernio": say.zernio(60, "post.published", "published", target("x", "published", "a")),
    "ayrshare": say.ayrshare(60, "success", [OUT]),
    "bundle_social": say.bundle(60, "POSTED", externalData={"X": {"permalink": "https://x.example/1"}}),
    "outstand": say.outstand(
        60, "post.published", {"network": "x", "accountId": "a", "status": "published"}, when=iso(60)
    ),
    "upload_post": say.upload_post(60, success=True),
    "mixpost": say.mixpost(60, "published", "published", {"uuid": "a", "provider": "x"}),
    "generic": say.generic(60, "live", X="live"),
}

PARTLY: dict[str, tuple[str, Any]] = {
    "zernio": ("zernio", lambda at: say.zernio(at, "post.partial", "partial", target("x", "published", "a"),
                                               target("y", "failed", "b", error=f"no {at}"))),
    "ayrshare": ("ayrshare", lambda at: say.ayrshare(at, "error", [OUT], [{"platform": "y", "message": f"no {at}"}])),
    "bundle.social": ("bundle_social", lambda at: say.bundle(
        at, "ERROR", externalData={"X": {"permalink": "https://x.example/1"}}, errors={"Y": f"no {at}"})),
    "outstand": ("outstand", lambda at: say.outstand(
        at, "post.published", {"network": "x", "accountId": "a", "status": "published"},
        {"network": "y", "accountId": "b", "status": "failed", "error": f"no {at}"}, when=iso(at))),
    "mixpost": ("mixpost", lambda at: say.mixpost(
        at, "published", "published", {"uuid": "a", "provider": "x", "external_url": "https://x.example/1"},
        {"uuid": "b", "provider": "y", "errors": [f"no {at}"]}, when=str(moment(at))[:19])),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTLY)
def test_what_fell_short_again_is_heard_of_the_target_that_failed(name: str) -> None:
    """Most have no word for it, and say that it failed, or that it is published."""
    kind, told = PARTLY[name]
    _, second = changes(kind, told(0), told(1800))
    assert [(move.target and move.target[0], str(move.after), move.again) for move in second.moves] == [
        ("y", "failed", True), (None, "partial", True),
    ]  # fmt: skip
    post = story(kind, told(0), told(1800))
    assert (post.state, post.times, [part.times for part in post.parts]) == ("partial", 2, [1, 2])


def test_one_platform_of_two_that_fails_again() -> None:
    """Where each has its own event, the first failure of the second is no repetition of the first's."""
    told = [
        say.upload_post(0, success=False, error="a"), say.upload_post(5, success=False, platform="y", error="b"),
        say.upload_post(1800, success=False, platform="y", error="c"),
    ]  # fmt: skip
    assert [[move.again for move in moves] for moves in again("upload_post", *told)] == [[False], [], [True]]
    assert [part.times for part in story("upload_post", *told).parts] == [1, 2]


def test_one_end_that_two_events_tell_is_one_each_time() -> None:
    told = [
        one
        for at in (0, 60, 120)
        for one in (failed("zernio, alone", at, "no"), failed("zernio", at + 1, "no"))
    ]  # fmt: skip
    assert [len(moves) for moves in again("zernio", *told)] == [1, 0, 0, 1, 0, 1]
    assert story("zernio", *told[:4]).times == 2


def test_a_recurring_post_shows_its_newest_time_and_address() -> None:
    one, two = "https://x.example/1", "https://x.example/2"
    zernio = [
        say.zernio(at, "post.published", "published", target("x", "published", "a", publishedUrl=url))
        for at, url in ((0, one), (3600, two))
    ]  # fmt: skip
    for kind, told in (
        ("zernio", zernio),
        ("postiz", [say.postiz(0, "PUBLISHED", releaseURL=one), say.postiz(3600, "PUBLISHED", releaseURL=two)]),
        ("upload_post", [say.upload_post(0, success=True, url=one), say.upload_post(3600, success=True, url=two)]),
    ):
        post = story(kind, *told)
        assert (post.published_at, post.times, [part.url for part in post.parts]) == (moment(3600), 2, [two])


def test_what_changes_at_a_post_that_is_out_is_no_publishing() -> None:
    """Zernio tells that somebody has edited it there."""
    there = {"id": "p1", "platform": "googlebusiness", "accountId": "a", "url": "https://g.example/1"}
    told = [
        Webhook(at, {"id": f"e{at}", "event": "post.external.updated", "timestamp": iso(at), "post": there})
        for at in (0, 60)
    ]  # fmt: skip
    assert [len(moves) for moves in again("zernio", *told)] == [1, 0]
    assert story("zernio", *told).state == "published"


def test_an_answer_says_nothing_again() -> None:
    asked = say.zernio_answer(60, "failed", target("x", "failed", "a", errorMessage="no"))
    assert [len(moves) for moves in again("zernio", failed("zernio", 0, "no"), asked)] == [1, 0]
