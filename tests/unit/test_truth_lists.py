"""Targets that a provider lists no longer.

Post for Me takes a deleted account out of its scheduled posts, which go on with the rest (DayMoonDevelopment/
post-for-me, PR 295); any tool lets people edit a post. Zernio and Sosyal Köprü list the platforms of a post in each
message, bundle.social and Ayrshare once it has ended, and generic ones as they are declared.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit import saying as say
from tests.unit.saying import target
from tests.unit.stories import Answer, Webhook, codes, states, story

Told = Webhook | Answer


def x(status: str, **more: Any) -> say.Body:
    return target("twitter", status, "acc_x", **more)


def i(status: str, **more: Any) -> say.Body:
    return target("instagram", status, "acc_i", **more)


def named(name: str, platform: str, **more: Any) -> say.Body:
    """An account of Outstand, or of Mixpost."""
    return {"id": name, "accountId": name, "uuid": name, "network": platform, "provider": platform} | more


BOTH = [named("1", "x", status="pending"), named("2", "y", status="pending")]
LEFT_OUT: dict[str, tuple[str, tuple[Told, ...], str]] = {
    "zernio, by a webhook": ("zernio", (
        say.zernio(0, "post.scheduled", "scheduled", x("pending"), i("pending")),
        say.zernio(5, "post.scheduled", "scheduled", x("pending")),
        say.zernio(60, "post.published", "published", x("published"))), "instagram:acc_i"),
    "zernio, by an answer": ("zernio", (
        say.zernio(0, "post.scheduled", "scheduled", x("pending"), i("pending")),
        say.zernio_answer(60, "published", target("twitter", "published"))), "instagram:acc_i"),
    "sosyalkopru, without accounts": ("sosyalkopru", (
        say.sosyalkopru(0, "SCHEDULED", target("instagram", "SCHEDULED"), target("x", "SCHEDULED")),
        say.sosyalkopru(5, "UPDATED", target("instagram", "SCHEDULED")),
        say.sosyalkopru(60, "PUBLISHED", target("instagram", "PUBLISHED"))), "x#1"),
    "sosyalkopru, by an answer": ("sosyalkopru", (
        say.sosyalkopru(0, "SCHEDULED", target("instagram", "SCHEDULED"), target("x", "SCHEDULED")),
        say.sosyalkopru_answer(60, "PUBLISHED", target("instagram", "PUBLISHED"))), "x#1"),
    "post for me": ("post_for_me", (
        say.post_for_me(0, "scheduled", "spc_1", "spc_2"), say.post_for_me(9, "scheduled", "spc_1"),
        say.result(60, "r1", success=True)), "unknown:spc_2"),
    "outstand": ("outstand", (
        Answer(1, {"post": {"id": "p1", "socialAccounts": BOTH}}),
        say.outstand(9, "post.published", named("1", "x", status="published"))), "y:2"),
    "mixpost": ("mixpost", (
        say.mixpost(0, "scheduled", "scheduled", named("1", "x"), named("2", "y")),
        say.mixpost(9, "published", "published", named("1", "x", external_url="https://x.example/1"))), "y:2"),
    "generic, by a map": ("generic", (
        say.generic(0, "waiting", X="waiting", Y="waiting"), say.generic(9, "live", X="live")), "y#1"),
    "generic, by a map with nothing in its place": ("generic", (
        say.generic(0, "waiting", X="waiting", Y="waiting"), say.generic(9, "live", X="live", Y=None)), "y#1"),
}  # fmt: skip
WHOLE: dict[str, Any] = {"lists": "whole"}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_listed_no_longer_holds_the_post_no_longer(name: str) -> None:
    kind, told, gone = LEFT_OUT[name]
    post = story(kind, *told, more=WHOLE if kind == "generic" else {})
    assert (post.state, states(post).pop(gone)) == ("published", "cancelled")
    assert post.published_at is not None
    assert [note.text for note in post.notes if note.code == "withdrawn"] == [
        f"{gone}: scheduled, and no longer among the post's targets"
    ]


def test_a_part_of_the_post_takes_nothing_away() -> None:
    post = story("generic", say.generic(0, "waiting", X="waiting", Y="waiting"), say.generic(9, "live", X="live"))
    assert (states(post), codes(post)) == ({"x#1": "published", "y#1": "scheduled"}, ["disagrees"])
    post = story(
        "zernio", say.zernio(0, "post.scheduled", "scheduled", x("pending"), i("pending")),
        say.zernio_alone(9, "published", "twitter", "acc_x"),
    )  # fmt: skip
    assert states(post) == {"twitter:acc_x": "published", "instagram:acc_i": "scheduled"}
    post = story("upload_post", Answer(0, {"job_id": "p1", "status": "processing", "results": [
        {"platform": "x", "status": "processing"}, {"platform": "y", "status": "processing"}]}),
        say.upload_post(9, success=True))  # fmt: skip
    assert states(post) == {"x#1": "published", "y#1": "publishing"}


@pytest.mark.parametrize("by", ["a list", "its own event"])
def test_what_is_back_is_back(by: str) -> None:
    back = say.zernio(9, "post.scheduled", "scheduled", x("pending"), i("pending"))
    post = story(
        "zernio",
        say.zernio(0, "post.scheduled", "scheduled", x("pending"), i("pending")),
        say.zernio(5, "post.scheduled", "scheduled", x("pending")),
        back if by == "a list" else say.zernio_alone(9, "published", "instagram", "acc_i"),
        say.zernio(60, "post.published", "published", x("published"), i("published")),
    )
    assert (post.state, set(states(post).values()), codes(post)) == ("published", {"published"}, ["withdrawn"])


def test_an_entry_that_is_null_takes_nothing_away_and_says_so() -> None:
    """Nobody knows what it stood for."""
    post = story(
        "sosyalkopru",
        say.sosyalkopru(0, "SCHEDULED", target("instagram", "SCHEDULED"), target("x", "SCHEDULED")),
        say.sosyalkopru(5, "SCHEDULED", target("instagram", "SCHEDULED"), None),
    )
    assert states(post) == {"instagram#1": "scheduled", "x#1": "scheduled"}
    assert [note.text for note in post.notes] == ["null is no table that could tell of a target"]


def test_an_empty_list_takes_nothing_away() -> None:
    post = story(
        "zernio", say.zernio(0, "post.scheduled", "scheduled", x("pending"), i("pending")),
        say.zernio(5, "post.published", "published"),
    )  # fmt: skip
    assert set(states(post).values()) == {"published"}


def test_what_has_failed_stays_though_another_list_is_shorter() -> None:
    post = story(
        "zernio", say.zernio(0, "post.partial", "partial", x("published"), i("failed", error="no")),
        say.zernio(90, "post.published", "published", x("published")),
    )  # fmt: skip
    assert (post.state, codes(post)) == ("partial", ["disagrees"])
