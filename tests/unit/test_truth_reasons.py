"""Reasons that are lost, old, or in no place that is known; and entries that nobody can read.

A Zernio platform that is published may still hold the error of an earlier attempt (zernio-dev/zernio-python, PR 38);
Ayrshare lists errors without a platform, users of Postiz could not tell why their posts had failed (gitroomhq/
postiz-app 1144), and a receiver that looked for other field names answered 200 for months and did nothing
(TechForPalestine/website, PR 459). Zernio also tells of posts first when somebody has changed them at the platform.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit import saying as say
from tests.unit.saying import target
from tests.unit.stories import Answer, Webhook, codes, iso, states, story

Told = Webhook | Answer
OLD = {"code": "OLD", "message": "max retries reached"}
HERE = "https://x.example/1"
ACCOUNT = {"network": "x", "accountId": "a", "uuid": "a", "provider": "x"}

SOUND: dict[str, tuple[str, Told]] = {
    "zernio": ("zernio", say.zernio(
        0, "post.published", "published", target("x", "published", "a", error="max retries reached"))),
    "zernio, answer": ("zernio", Answer(0, {"post": {"_id": "p1", "status": "published", "error": "old", "platforms": [
        target("x", "published", "a", errorMessage="old", errorCategory="system_error")]}})),
    "sosyalkopru": ("sosyalkopru", say.sosyalkopru(0, "PUBLISHED", target("x", "PUBLISHED", error=OLD), error=OLD)),
    "ayrshare": ("ayrshare", say.ayrshare(
        0, "success", [{"platform": "x", "status": "success"}], [{"platform": "x", "code": 1, "message": "old"}])),
    "bundle.social": ("bundle_social", say.bundle(
        0, "POSTED", externalData={"X": {"permalink": HERE}}, errors={"X": "old"}, error="old")),
    "outstand": ("outstand", say.outstand(0, "post.published", ACCOUNT | {"status": "published", "error": "old"})),
    "upload-post": ("upload_post", say.upload_post(0, success=True, error="old")),
    "post for me": ("post_for_me", say.result(0, "r", success=True, error="old")),
    "mixpost, with an address": ("mixpost", say.mixpost(
        0, "published", "published", ACCOUNT | {"external_url": HERE, "errors": ["old"]})),
    "mixpost, the only account": ("mixpost", say.mixpost(0, "published", "published", ACCOUNT | {"errors": ["old"]})),
    "buffer": ("buffer", Answer(0, {"data": {"post": {
        "id": "p1", "status": "sent", "channelId": "c", "channelService": "x", "error": {"message": "old"}}}})),
    "publer": ("publer", Answer(0, {"id": "p1", "state": "published", "network": "x", "error": "old"})),
    "blotato": ("blotato", Answer(0, {"postSubmissionId": "p1", "status": "published", "errorMessage": "old"})),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_what_is_published_has_no_error(name: str) -> None:
    kind, told = SOUND[name]
    post = story(kind, told)
    assert (post.state, post.problem, set(states(post).values())) == ("published", None, {"published"})
    assert codes(post) == []


REASONS: dict[str, tuple[str, Told, tuple[str, str]]] = {
    "ayrshare, no platform": ("ayrshare", say.ayrshare(
        0, "error", errors=[{"status": "error", "code": 137, "message": "Duplicate content"}]),
        ("137", "Duplicate content")),
    "ayrshare, no errors": ("ayrshare", say.ayrshare(0, "error", message="over quota"), ("unspecified", "over quota")),
    "ayrshare, details": ("ayrshare", say.ayrshare(0, "error", details="locked"), ("unspecified", "locked")),
    "outstand, of the post": ("outstand", say.outstand(0, "post.error", error=OLD), ("OLD", "max retries reached")),
    "outstand, a list": ("outstand", say.outstand(0, "post.error", ACCOUNT | {"status": "failed"}, errors=["no"]),
                         ("unspecified", "no")),
    "upload-post, beside the result": ("upload_post", Webhook(0, say.upload_post(0, success=False).body | {
        "error": "top"}), ("unspecified", "top")),
    "upload-post, a table": ("upload_post", say.upload_post(0, success=False, error=OLD),
                             ("OLD", "max retries reached")),
    "upload-post, answer": ("upload_post", Answer(0, {"job_id": "p1", "status": "failed", "results": [
        {"platform": "x", "status": "failed", "message": "no"}]}), ("unspecified", "no")),
    "mixpost, by name": ("mixpost", say.mixpost(
        0, "publishing_failed", "failed", ACCOUNT | {"errors": {"media": ["is bad"]}}),
        ("unspecified", "media: is bad")),
    "mixpost, of the post": ("mixpost", say.mixpost(0, "publishing_failed", "failed", ACCOUNT, error=["a", "b"]),
                             ("unspecified", "a; b")),
    "post for me, nested": ("post_for_me", say.result(0, "r", success=False, details={"error": OLD}),
                            ("OLD", "max retries reached")),
    "bundle.social": ("bundle_social", say.bundle(0, "ERROR", error="whole"), ("unspecified", "whole")),
    "bundle.social, verbose": ("bundle_social", say.bundle(0, "ERROR", errors={"X": "no"}, errorsVerbose={
        "X": {"code": "C", "errorMessage": "no"}}), ("C", "no")),
    "zernio, message where answers have it": ("zernio", say.zernio(0, "post.failed", "failed", target(
        "x", "failed", "a", errorMessage="log in again", errorCategory="auth_expired")),
        ("auth_expired", "log in again")),
    "zernio, of one platform": ("zernio", say.zernio_alone(0, "failed", "x", "a", errorMessage="no"),
                                ("unspecified", "no")),
    "sosyalkopru, a text": ("sosyalkopru", say.sosyalkopru(0, "FAILED", target("x", "FAILED", error="no")),
                            ("unspecified", "no")),
    "sosyalkopru, code and message apart": ("sosyalkopru", say.sosyalkopru(
        0, "FAILED", target("x", "FAILED", errorMessage="no", errorCode="E7")), ("E7", "no")),
    "buffer, a text": ("buffer", Answer(0, {"data": {"post": {
        "id": "p1", "status": "error", "channelId": "c", "channelService": "x", "error": "no"}}}),
        ("unspecified", "no")),
    "publer, a table": ("publer", Answer(0, {"id": "p1", "state": "failed", "network": "x", "error": OLD}),
                        ("OLD", "max retries reached")),
    "blotato, a table": ("blotato", Answer(0, {"postSubmissionId": "p1", "status": "failed", "error": OLD}),
                         ("OLD", "max retries reached")),
    "postiz": ("postiz", Answer(0, {"id": "p1", "state": "ERROR", "error": "no", "integration": {"id": "i"}}),
               ("unspecified", "no")),
    "generic": ("generic", say.generic(0, "broken", X={"state": "broken", "reason": "E", "message": "no"}),
                ("E", "no")),
}  # fmt: skip


@pytest.mark.parametrize("name", REASONS)
def test_what_has_failed_has_its_reason_wherever_it_stands(name: str) -> None:
    kind, told, reason = REASONS[name]
    post = story(kind, told)
    assert post.state == "failed"
    assert post.problem, "nobody can tell why"
    assert (post.problem.code, post.problem.message) == reason


UNREADABLE: list[tuple[Any, str]] = [
    ({"platform": None, "status": "FAILED"}, "failed"), ({"status": "FAILED"}, "failed"),
    ({"platform": "", "status": "FAILED"}, "failed"), ({"platform": ["y"], "status": "FAILED"}, "failed"),
    ({"platform": {"name": "y"}, "status": "FAILED"}, "failed"),
    ({"platform": "y", "status": {"state": "FAILED"}}, "failed"),
    ({"platform": "y", "status": {"name": "FAILED", "since": 5}}, "failed"),
    ({"platform": "y", "status": ["FAILED"]}, ""), ({"platform": "y", "status": 7}, ""),
    ({"platform": "y", "status": {"at": "noon"}}, ""), ({"platform": "y", "status": 1.5}, ""),
    ("FAILED", ""), (7, ""), (None, ""), ([], ""), ({}, ""), ([{"platform": "y", "status": "FAILED"}], ""),
    ({"Platform": "y", "Status": "FAILED"}, ""), ({"network": "y", "state": "FAILED", "error": "no"}, ""),
    ({"target": {"platform": "y", "status": "FAILED"}}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "ends"), UNREADABLE, ids=str)
def test_an_entry_that_cannot_be_read_is_a_failed_target_or_a_note(entry: Any, ends: str) -> None:
    """Of a post that is said to be published."""
    post = story("sosyalkopru", say.sosyalkopru(0, "PUBLISHED", target("x", "PUBLISHED"), entry))
    if ends:
        assert (post.state, sorted(states(post).values())) == ("partial", ["failed", "published"])
    else:
        assert post.state == "published"
        assert set(codes(post)) <= {"unplaced_entry", "unknown_status"}
        assert post.notes
    lower = {key: value.lower() if key == "status" and isinstance(value, str) else value
             for key, value in entry.items()} if isinstance(entry, dict) else entry  # fmt: skip
    answer = story("zernio", say.zernio_answer(0, "published", target("x", "published", "a"), lower))
    assert answer.state == "partial" if ends else codes(answer)


ALONE: list[tuple[str, Told, str]] = [
    ("upload_post", say.upload_post(0, success=None), "unknown"),
    ("upload_post", say.upload_post(0, success=None, error="no"), "failed"),
    ("upload_post", say.upload_post(0, success=None, url=HERE), "published"),
    ("upload_post", say.upload_post(0, success=None, url=HERE, error="no"), "unknown"),
    ("upload_post", Webhook(0, say.upload_post(0, success=True).body | {"result": "no media"}), "failed"),
    ("upload_post", Webhook(0, say.upload_post(0, success=True).body | {"result": None}), "unknown"),
    ("upload_post", say.upload_post(0, success=False, platform=None, error="no"), "failed"),
    ("post_for_me", say.result(0, "r", success=None, error="no"), "failed"),
    ("post_for_me", say.result(0, "r", success=1), "unknown"),
    ("zernio", say.zernio_alone(0, "failed", "x", None) , "failed"),
    ("zernio", Webhook(0, say.zernio_alone(0, "failed", "x", "a").body | {"platform": {
        "name": "x", "status": "rejected", "error": "no"}}), "failed"),
    ("postiz", Webhook(0, [{"id": "p1", "state": "ERROR", "integration": None}]), "failed"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "told", "state"), ALONE, ids=str)
def test_an_end_of_one_target_that_cannot_be_read_well(kind: str, told: Told, state: str) -> None:
    """What was told tells how it ended, or a note says that nobody knows."""
    post = story(kind, told)
    assert post.state == state
    if state == "unknown":
        assert codes(post) == ["unknown_status"]


def test_an_unknown_word_in_an_end_counts_as_that_end() -> None:
    post = story(
        "sosyalkopru", say.sosyalkopru(0, "SCHEDULED", target("x", "SCHEDULED")),
        say.sosyalkopru(9, "SUCCESS", target("x", "SUCCESS", platformPostUrl=HERE), event="post.published"),
    )  # fmt: skip
    assert (post.state, states(post), set(codes(post))) == ("published", {"x#1": "published"}, {"unknown_status"})


@pytest.mark.parametrize("first", ["created", "updated"])
def test_a_post_made_elsewhere_is_live_however_it_is_first_heard_of(first: str) -> None:
    post = {"id": "p1", "platform": "googlebusiness", "accountId": "a", "url": "https://g.example/1"}
    told = [
        Webhook(at, {"id": f"e{at}", "event": f"post.external.{event}", "timestamp": iso(at), "post": post})
        for at, event in enumerate([first, "updated", "deleted"])
    ]  # fmt: skip
    heard = story("zernio", told[0])
    assert (heard.state, [part.url for part in heard.parts]) == ("published", ["https://g.example/1"])
    assert story("zernio", *told[:2]).state == "published"
    assert story("zernio", *told).state == "removed"
