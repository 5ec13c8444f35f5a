"""Drift: what is usual is told in any order, one odd event is never a drift, and thresholds are where they are said."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.drift.findings import LEAST_KNOWN, LEAST_SEEN, USUAL_AFTER, Drift, Finding, compare, lasts, shows
from tracker.domain.drift.remedy import example_of, remedy
from tracker.domain.drift.shape import MOST_PATHS, Watched, shape_of
from tracker.domain.drift.usual import BLOCK, BLOCKS, MONTH, MOST_WORDS, PARTS, Tally, Usual, total
from tracker.domain.posts.event import State
from tracker.providers import build_providers
from tracker.providers.watched import watching
from tracker.settings import Settings

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
EVENT = "post.published"
RECENT = BLOCK * BLOCKS


def watched(event: str = EVENT, kind: str = "sosyalkopru", **more: Any) -> Watched:
    """What is looked at with these settings of the provider."""
    configured = {"p": {"kind": kind, "api_url": "http://127.0.0.1:9/v1", **more}}
    settings = Settings.model_validate({"providers": configured})
    return watching(settings, "p", build_providers(settings)["p"])(event)


WATCHED = watched()


def body(nth: int = 0, **data: Any) -> dict[str, Any]:
    """An ordinary webhook, but for what is given; None takes a field away."""
    platform = {"platform": "x", "status": "PUBLISHED", "platformPostUrl": f"https://x.example/{nth}"}
    told = {"postId": f"post_{nth:08}", "status": "PUBLISHED", "platforms": [platform], **data}
    return {
        "event": EVENT,
        "timestamp": "2026-11-10T12:00:00Z",
        "data": {name: value for name, value in told.items() if value is not None},
    }


def learnt(*bodies: Any, looking: Watched = WATCHED, usual: Usual | None = None, at: datetime = NOON) -> Usual:
    """What is known after these, one a second."""
    known = usual or Usual(at, at)
    for nth, one in enumerate(bodies):
        known.learn(shape_of(one, looking), nth, at + timedelta(seconds=nth), looking)
    return known


def found(usual: Usual, looking: Watched = WATCHED, event: str = EVENT) -> list[Finding]:
    return list(compare(event, usual, looking, NOON + timedelta(hours=1)))


USUAL = [body(nth) for nth in range(LEAST_KNOWN + RECENT)]

values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["PUBLISHED", "LIVE", "a text, by somebody", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "postId", "platforms", "platform", "error", "x1", "9", "é"]), inner
        )
    ),
    max_leaves=12,
)
payloads = st.fixed_dictionaries({"event": st.just(EVENT), "data": values}) | values


@given(st.lists(payloads, max_size=25), st.randoms(use_true_random=False))
def test_what_is_counted_does_not_depend_on_the_order(some: list[Any], chance: random.Random) -> None:
    """Neither one by one, nor in parts that are put together."""
    shuffled = list(some)
    chance.shuffle(shuffled)
    one, other, parts = Tally(), Tally(), [Tally() for _ in range(3)]
    for payload in some:
        one.add(shape_of(payload, WATCHED), WATCHED)
    for payload in shuffled:
        other.add(shape_of(payload, WATCHED), WATCHED)
        chance.choice(parts).add(shape_of(payload, WATCHED), WATCHED)
    assert one == other == total(parts, WATCHED)


@given(st.lists(st.sets(st.integers(0, 60), max_size=12), max_size=30), st.randoms(use_true_random=False))
def test_nor_where_there_are_more_paths_and_words_than_are_kept(some: list[set[int]], chance: random.Random) -> None:
    bodies = [{"data": {"status": f"W{min(names, default=0)}", **{f"n{n}": n for n in names}}} for names in some]
    one, other = Tally(), Tally()
    with pytest.MonkeyPatch.context() as bounds:
        bounds.setattr("tracker.domain.drift.usual.MOST_PATHS", 7)
        bounds.setattr("tracker.domain.drift.usual.MOST_WORDS", 4)
        for payload in bodies:
            one.add(shape_of(payload, WATCHED), WATCHED)
        chance.shuffle(bodies)
        for payload in bodies:
            other.add(shape_of(payload, WATCHED), WATCHED)
    assert one == other
    assert len(one.paths) <= 7
    assert all(len(words) <= 5 for words in one.words.values())


@given(payloads, st.integers(0, RECENT), st.integers(0, 200))
def test_one_odd_event_is_never_a_drift(odd: Any, place: int, known: int) -> None:
    """Whatever it says, wherever among the usual ones it stands, however few those are."""
    usual = [body(nth) for nth in range(known)]
    place = max(0, len(usual) - place)
    assert found(learnt(*usual[:place], odd, *usual[place:])) == []


@given(st.lists(payloads, min_size=1, max_size=40))
def test_what_is_kept_is_bounded_whatever_comes(some: list[Any]) -> None:
    usual = Usual(NOON, NOON)
    for nth, payload in enumerate(some):
        usual.learn(shape_of(payload, WATCHED), nth, NOON + timedelta(days=3 * nth), WATCHED)
    assert len(usual.recent) <= BLOCKS
    assert len(usual.parts) <= PARTS + 1
    assert len(usual.newest) <= RECENT


def test_a_payload_without_end_is_cut_with_the_mapped_places_kept() -> None:
    many = body(0, **{f"zz{chr(97 + n // 26)}{chr(97 + n % 26)}": n for n in range(90)}, platforms=[{"a": 1}] * 500)
    deep: Any = {}
    for _ in range(500):
        deep = {"d": deep, **{f"s{chr(97 + n)}": n for n in range(20)}}
    shape = shape_of({**many, "aaa": deep}, WATCHED)
    assert len(shape.types) == MOST_PATHS
    assert {"data.postId", "data.status", "data.platforms", "timestamp"} <= shape.types.keys()


def test_names_that_may_be_somebodys_are_any_name() -> None:
    shape = shape_of({"data": {"ada@example.com": 1, "acc_12345678": 2, "a name": 3, "h264": 4}}, WATCHED)
    assert set(shape.types) == {"data", "data.*", "data.h264"}


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_a_new_word_is_told_when_it_has_come_three_times(times: int) -> None:
    new = [body(nth, status="LIVE") for nth in range(times)]
    assert found(learnt(*USUAL, *new)) == (
        [Finding(Drift.STATUS, EVENT, "data.status", "LIVE", "status")] if times >= LEAST_SEEN else []
    )


def test_a_place_with_many_words_holds_no_statuses() -> None:
    words = [body(nth, status=f"W{chr(65 + nth // 26)}{chr(65 + nth % 26)}") for nth in range(MOST_WORDS + 2)]
    assert found(learnt(*USUAL, *words, *words, *words)) == []


@pytest.mark.parametrize(("without", "told"), [(RECENT // 2, False), (RECENT // 2 + 1, True)])
def test_a_field_has_vanished_when_fewer_than_half_of_the_recent_events_have_it(without: int, told: bool) -> None:
    """Also where it is null."""
    with_it = [body(nth) for nth in range(RECENT - without)]
    usual = learnt(*USUAL, *(body(nth, platforms=None) for nth in range(without)), *with_it)
    vanished = Finding(Drift.VANISHED, EVENT, "data.platforms", name="targets", was="array")
    usual_too = learnt(*USUAL, *({**body(nth), "timestamp": None} for nth in range(without)), *with_it)
    late = Finding(Drift.VANISHED, EVENT, "timestamp", name="occurred_at", was="string")
    assert (found(usual), found(usual_too)) == (([vanished], [late]) if told else ([], []))


@pytest.mark.parametrize(("rarely", "told"), [(0, True), (1, True), (2, False)])
def test_and_when_it_stood_in_99_of_100(rarely: int, told: bool) -> None:
    month = [body(nth) for nth in range(100 - rarely)] + [body(nth, platforms=None) for nth in range(rarely)]
    random.Random(7).shuffle(month)
    usual = learnt(*month, *(body(nth, platforms=None) for nth in range(RECENT)))
    assert bool(found(usual)) is told


def test_too_few_events_tell_nothing() -> None:
    few = [body(nth) for nth in range(LEAST_KNOWN - 1)]
    assert found(learnt(*few, *(body(nth, platforms=None) for nth in range(RECENT)))) == []


def test_what_is_new_beside_what_vanished_and_of_its_type_stands_in_its_place() -> None:
    moved = [{**body(nth), "timestamp": None, "happenedAt": "2026-11-10T12:00:00Z"} for nth in range(RECENT)]
    usual = learnt(*USUAL, *moved)
    (one,) = found(usual)
    assert one == Finding(Drift.VANISHED, EVENT, "timestamp", "", "occurred_at", "string", "happenedAt")
    assert remedy("p", one, usual, WATCHED).splitlines() == [
        "[providers.p.fields]",
        'occurred_at = "happenedAt|timestamp"  # a guess: it is new beside it, and of the same type',
    ]


def test_within_a_target_the_place_is_told_from_the_target_on() -> None:
    target = {"platform": "x", "status": "PUBLISHED", "url": "https://x.example/1"}
    usual = learnt(*USUAL, *(body(nth, platforms=[target]) for nth in range(RECENT)))
    (one,) = found(usual)
    assert (one.name, one.instead) == ("target_url", "data.platforms[].url")
    assert 'target_url = "url|platformPostUrl"' in remedy("p", one, usual, WATCHED)


def test_a_new_field_beside_those_that_are_read_and_only_the_table_of_a_new_one() -> None:
    new = {"reason": {"code": "x", "text": "y"}}
    usual = learnt(*USUAL, *({**body(nth, **new), "far": {"off": 1}} for nth in range(RECENT)))
    assert found(usual) == [
        Finding(Drift.FIELD, EVENT, "data.reason", "object"),
        Finding(Drift.FIELD, EVENT, "far", "object"),
    ]
    assert remedy("p", found(usual)[0], usual, WATCHED) == ""


def test_another_type_where_something_is_read() -> None:
    usual = learnt(*USUAL, *(body(nth, status={"code": "PUBLISHED", "at": 5}) for nth in range(RECENT)))
    (one,) = found(usual)
    assert one == Finding(Drift.TYPE, EVENT, "data.status", "object", "status", "string")
    assert 'status = "data.status.code|data.status"  # a guess' in remedy("p", one, usual, WATCHED)


def test_a_new_event_is_told_where_the_provider_is_known_and_until_somebody_says_what_it_means() -> None:
    looking = watched("post.shared")
    usual = learnt(*([body()] * LEAST_SEEN), looking=looking, usual=Usual(NOON, NOON, LEAST_KNOWN))
    (one,) = found(usual, looking, "post.shared")
    assert one == Finding(Drift.EVENT, "post.shared", found="post.shared")
    assert remedy("p", one, usual, looking).splitlines()[1].startswith('"post.shared" = ""')
    assert lasts(one, usual, looking, NOON, NOON)
    assert not lasts(one, usual, looking, NOON, NOON + MONTH)
    for meaning in ("published", ""):
        said = watched("post.shared", events={"post.shared": meaning})
        assert found(usual, said, "post.shared") == []
        assert not lasts(one, usual, said, NOON, NOON)
    new = learnt(*([body()] * LEAST_SEEN), looking=looking, usual=Usual(NOON, NOON, LEAST_KNOWN - 1))
    assert found(new, looking, "post.shared") == []


@pytest.mark.parametrize(
    ("event", "word", "line"),
    [
        (EVENT, "LIVE", 'LIVE = "published"  # a guess'),
        ("post.failed", "REJECTED", 'REJECTED = "failed"  # a guess'),
        ("post.changed", "has.been_published", '"has.been_published" = "published"  # a guess'),
        ("post.changed", "SCHEDULD", 'SCHEDULD = "scheduled"  # a guess'),
        ("post.changed", "QX", f'QX = ""  # "" is no news of the post; or one of: {", ".join(State)}'),
    ],
)
def test_the_state_of_a_new_word_is_guessed(event: str, word: str, line: str) -> None:
    """From what is told no more, from the event's name, or from the nearest word."""
    looking = watched(event)
    usual = learnt(*([body(status=word)] * 3), looking=looking)
    one = next(one for one in found(usual, looking, event) if one.name == "status")
    assert remedy("p", one, usual, looking) == f"[providers.p.statuses]\n{line}"


def test_a_finding_is_over_when_it_is_mapped_or_as_it_was_and_comes_again() -> None:
    usual = learnt(*USUAL, *(body(nth, status="LIVE") for nth in range(RECENT)))
    (one,) = found(usual)
    assert lasts(one, usual, WATCHED, NOON, NOON)
    assert not lasts(one, usual, watched(statuses={"LIVE": "published"}), NOON, NOON)
    assert not lasts(one, usual, watched(fields={"status": "data.state"}), NOON, NOON)
    usual = learnt(*USUAL, *(body(nth, platforms=None) for nth in range(RECENT)))
    (gone,) = found(usual)
    assert lasts(gone, usual, WATCHED, NOON, NOON)
    assert 'targets = "new.place|data.platforms"' in remedy("p", gone, usual, WATCHED)
    assert lasts(gone, usual, watched(fields={"targets": "data.channels|data.platforms"}), NOON, NOON)
    assert not lasts(gone, usual, watched(fields={"targets": "event|data.platforms"}), NOON, NOON)
    assert not lasts(gone, learnt(*USUAL, usual=usual), WATCHED, NOON, NOON)


def test_what_has_been_so_for_long_is_what_is_usual() -> None:
    usual = learnt(*USUAL)
    for nth in range(3 * len(USUAL)):
        learnt(body(nth, platforms=None), usual=usual)
    assert found(usual) == []
    gone = Finding(Drift.VANISHED, EVENT, "data.platforms", name="targets", was="array")
    assert lasts(gone, usual, WATCHED, NOON, NOON + USUAL_AFTER - timedelta(seconds=1))
    assert not lasts(gone, usual, WATCHED, NOON, NOON + USUAL_AFTER)


def test_an_example_shows_nobodys_words_and_no_secret() -> None:
    secret = "whsec_very_secret"
    told = body(7, status="LIVE", text="Hello Ada", token=secret, more=[{"a": 1}] * 5, ok=True, **{"ada@b.c": "Ada"})
    shown = example_of(told, WATCHED)
    assert shown == {
        "event": "post.published", "timestamp": "text of 20",
        "data": {
            "postId": "post…", "status": "LIVE",
            "platforms": [{"platform": "x", "status": "PUBLISHED", "platformPostUrl": "text of 19"}],
            "text": "text of 9", "token": "text of 17", "more": [{"a": "number"}, {"a": "number"}, "and 3 more"],
            "ok": True, "*": "text of 3",
        },
    }  # fmt: skip


def test_of_a_large_payload_little_is_shown_and_what_is_mapped_is() -> None:
    large = {f"{one}{other}": dict.fromkeys("abcdefghijklmnop", 1) for one in "abcdefg" for other in "abcdef"}
    shown = example_of(body(7, **large, more=large), WATCHED)
    assert len(json.dumps(shown)) <= 4100
    assert shown["data"]["postId"] == "post…"


def test_which_events_are_examples() -> None:
    looking = watched()
    shape = shape_of(body(status="LIVE", platforms=None, extra=1), looking)
    for finding, is_one in (
        (Finding(Drift.STATUS, EVENT, "data.status", "LIVE"), True),
        (Finding(Drift.STATUS, EVENT, "data.status", "DONE"), False),
        (Finding(Drift.FIELD, EVENT, "data.extra", "number"), True),
        (Finding(Drift.TYPE, EVENT, "data.extra", "string"), False),
        (Finding(Drift.VANISHED, EVENT, "data.platforms"), True),
        (Finding(Drift.VANISHED, EVENT, "data.postId"), False),
        (Finding(Drift.EVENT, EVENT), True),
    ):
        assert shows(finding, shape, looking) is is_one


@pytest.mark.parametrize(
    ("kind", "event", "more", "worded"),
    [
        ("sosyalkopru", EVENT, {}, {"data.status", "data.platforms[].status"}),
        ("zernio", "post.platform.failed", {}, {"platform.status"}),
        ("post_for_me", "social.post.result.created", {}, {"data.success"}),
        ("postiz", "post", {}, {"[].state"}),
        ("upload_post", "upload_completed", {}, {"result.success"}),
        (
            "generic", "x",
            {
                "targets": "map", "webhook": {"headers": ["x-s"]},
                "fields": {"event": "t", "post": "p.id|p.u", "status": "p.s", "targets": "p.c", "target_status": "s"},
            },
            {"p.s", "p.c.*.s", "p.c.*"},
        ),
    ],
)  # fmt: skip
def test_each_form_of_telling_is_looked_at_where_it_is_read(
    kind: str, event: str, more: dict[str, Any], worded: set[str]
) -> None:
    assert watched(event, kind, **more).worded == worded
