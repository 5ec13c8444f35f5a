"""One target under several names.

Zernio's events about one platform carry `account.accountId` (zernio-dev/zernio-rust, docs/); in its lists, `accountId`
came later, and is optional still. Sosyal Köprü's guide shows webhooks without an account, though posts are created with
`accountIds`. Post for Me names an account and no platform, and sends one result for each medium of a story, all with
the same account (DayMoonDevelopment/post-for-me, trigger/process-post.ts). Upload-Post names no account at all.
"""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.unit import saying as say
from tests.unit.saying import target
from tests.unit.stories import Answer, Webhook, codes, facts_of, moment, states, story
from tracker.domain.posts.post import fold
from tracker.facts.own_facts import Wished, created, fact_of


def test_zernio_names_the_account_in_a_later_list() -> None:
    post = story(
        "zernio",
        say.zernio(0, "post.scheduled", "scheduled", target("twitter", "pending")),
        say.zernio(60, "post.published", "published", target("twitter", "published", "acc_x")),
    )
    assert (post.state, states(post), post.notes) == ("published", {"twitter#1": "published"}, ())
    assert post.targets["twitter#1"].account == "acc_x"


def test_three_platforms_of_which_only_the_answer_names_the_accounts() -> None:
    names = ("twitter", "instagram", "linkedin")
    post = story(
        "zernio",
        say.zernio(0, "post.scheduled", "scheduled", *[target(name, "pending") for name in names]),
        say.zernio_answer(60, "published", *[target(name, "published", f"a-{name}") for name in names]),
    )
    assert (post.state, states(post)) == ("published", {f"{name}#1": "published" for name in names})
    assert [part.account for part in post.parts] == ["a-instagram", "a-linkedin", "a-twitter"]


def test_two_accounts_of_one_platform_that_only_their_own_events_name() -> None:
    """The list that follows has no names, and its own order: it must not turn the results round."""
    pending = say.zernio(0, "post.scheduled", "scheduled", target("twitter", "pending"), target("twitter", "pending"))
    good = say.zernio_alone(50, "published", "twitter", "acc_x")
    bad = say.zernio_alone(55, "failed", "twitter", "acc_y", error="no")
    earlier = say.zernio_alone(45, "failed", "twitter", "acc_y", error="no")
    ends = [target("twitter", "published"), target("twitter", "failed", error="no")]
    for alone in ((good, bad), (earlier, good)):
        for listed in (ends, ends[::-1]):
            post = story("zernio", pending, *alone, say.zernio(60, "post.partial", "partial", *listed))
            assert {part.account: part.state for part in post.parts} == {"acc_x": "published", "acc_y": "failed"}
            assert (post.state, codes(post)) == ("partial", [])


def test_sosyalkopru_names_accounts_only_when_it_is_asked() -> None:
    post = story(
        "sosyalkopru",
        say.sosyalkopru(0, "SCHEDULED", target("instagram", "SCHEDULED"), target("x", "SCHEDULED")),
        say.sosyalkopru(60, "PUBLISHING", target("instagram", "PUBLISHING"), target("x", "PUBLISHING")),
        say.sosyalkopru_answer(70, "PUBLISHED", target("instagram", "PUBLISHED", "a1"), target("x", "PUBLISHED", "a2")),
    )
    assert (post.state, states(post)) == ("published", {"instagram#1": "published", "x#1": "published"})


@pytest.mark.parametrize("listed", [1, 2], ids=["one entry for the platform", "one entry for each account"])
def test_what_we_asked_for_names_the_accounts_of_sosyalkopru(listed: int) -> None:
    """In whatever order our own note and the webhooks are read."""
    wished = Wished([("instagram", "a1"), ("instagram", "a2"), ("x", "a3")])
    ours = fact_of(created("sosyalkopru", "p1", wished, "key", moment(0), moment(0)))
    failed = target("x", "FAILED", error={"code": "E", "message": "expired"})
    entries = [*[target("instagram", "PUBLISHED")] * listed, failed]
    told = facts_of(
        "sosyalkopru",
        say.sosyalkopru(1, "PUBLISHING", *[target(one["platform"], "PUBLISHING") for one in entries]),
        say.sosyalkopru(5, "PUBLISHED", *entries),
    )
    for facts in permutations([ours, *told]):
        post = fold("sosyalkopru", "p1", facts).post
        assert states(post) == {"instagram:a1": "published", "instagram:a2": "published", "x:a3": "failed"}
        assert (post.state, post.problem and post.problem.message) == ("partial", "expired")


def test_outstand_tells_with_and_without_accounts() -> None:
    asked = [{"network": "x", "id": "1", "status": "pending"}, {"network": "x", "id": "2", "status": "pending"}]
    told = [{"network": "x", "status": "published"}, {"network": "x", "status": "failed", "error": "no"}]
    post = story(
        "outstand",
        Answer(1, {"post": {"id": "p1", "socialAccounts": asked}}),
        say.outstand(10, "post.published", *told),
    )
    assert (post.state, states(post)) == ("partial", {"x:1": "published", "x:2": "failed"})


def test_mixpost_and_postiz_leave_accounts_out_of_a_webhook() -> None:
    accounts = [{"provider": "mastodon"}, {"provider": "twitter"}]
    answer = [one | {"uuid": f"u-{one['provider']}", "external_url": "https://x.example/1"} for one in accounts]
    post = story(
        "mixpost", say.mixpost(0, "scheduled", "scheduled", *accounts),
        Answer(60, {"data": {"uuid": "p1", "status": "published", "accounts": answer}}),
    )  # fmt: skip
    assert (post.state, states(post)) == ("published", {"mastodon#1": "published", "twitter#1": "published"})
    without = Webhook(0, [{"id": "p1", "state": "PUBLISHED", "integration": {"providerIdentifier": "x"}}])
    named = {"id": "p1", "state": "PUBLISHED", "integration": {"id": "i", "providerIdentifier": "x"}}
    assert states(story("postiz", without, Answer(9, named))) == {"x#1": "published"}


def result_of(name: str, at: float, account: str | None = "spc_1") -> Webhook:
    """The second one of three is good."""
    if name == "spr_2":
        return say.result(at, name, success=True, account=account)
    return say.result(at, name, success=False, account=account, error="Unsupported media")


def test_several_results_of_one_account_are_several_things() -> None:
    """Whichever comes first, and when they are asked for again."""
    for names in (("spr_1", "spr_2"), ("spr_2", "spr_1")):
        told = [result_of(name, at) for at, name in enumerate(names)]
        answer = Answer(9, {"data": [one.body["data"] for one in told]})
        for more in ((), (answer,)):
            post = story("post_for_me", *told, *more)
            assert (post.state, sorted(states(post).values())) == ("partial", ["failed", "published"])
            assert (post.problem and post.problem.message) == "Unsupported media"


def test_results_that_name_no_account_are_told_apart_by_their_own_ids() -> None:
    told = [result_of(name, at, None) for at, name in enumerate(("spr_1", "spr_2", "spr_3"))]
    post = story("post_for_me", *told)
    assert (post.state, sorted(states(post).values())) == ("partial", ["failed", "failed", "published"])
    again = Answer(9, {"data": [one.body["data"] for one in told]})
    assert states(story("post_for_me", *told, again)) == states(post)


def test_a_result_without_an_account_that_may_be_of_either_says_so() -> None:
    told = say.result(9, "r", success=False, account=None)
    post = story("post_for_me", say.post_for_me(0, "processing", "spc_1", "spc_2"), told)
    assert (set(states(post).values()), codes(post)) == ({"publishing"}, ["ambiguous_target"])


def test_one_account_twice_in_a_list_of_zernio() -> None:
    entries = [target("x", "failed", "a", error="no"), target("x", "published", "a")]
    for listed in (entries, entries[::-1]):
        post = story("zernio", say.zernio(0, "post.partial", "partial", *listed))
        assert (post.state, sorted(states(post).values())) == ("partial", ["failed", "published"])


def test_two_results_of_one_platform_that_nothing_tells_apart_are_a_note() -> None:
    """They may be one that was tried again."""
    good, bad = say.upload_post(1, success=True), say.upload_post(0, success=False, error="no")
    post = story("upload_post", bad, good)
    assert (post.state, codes(post)) == ("published", ["overwritten"])
    post = story("upload_post", say.upload_post(0, success=True), say.upload_post(1, success=False, error="no"))
    assert (post.state, codes(post)) == ("failed", ["surprising"])
