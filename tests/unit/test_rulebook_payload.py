"""What rules read of posts and events beyond their names: texts, targets, data, what has changed, times, a link."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.histories import EPOCH as START
from tracker.domain.posts.event import Fact, Problem, State, TargetFact
from tracker.domain.rules.decision import NotMatched
from tracker.domain.rules.grouping import Group
from tracker.domain.rules.rule_index import RuleIndex
from tracker.rulebook import Known, load_rules, load_text
from tracker.rulebook.explanations import refused
from tracker.rulebook.local_times import at
from tracker.rulebook.rule_simulation import RuleSimulation

MINUTE = timedelta(minutes=1)
REACHED = Known(public_url="https://tracker.example.org/")
UNREACHED = Known(public_url="")


def rule(title: str, on: str = "post.failed", **more: str) -> str:
    keys = "".join(f"{name} = {value}\n" for name, value in more.items())
    return f"[rule.a]\non = '{on}'\n{keys}do = [{{ alert = 'ops', title = '''{title}''' }}]\n"


def faults(text: str, known: Known = REACHED) -> list[str]:
    return [str(fault) for fault in load_text(text, "r.toml", known).faults]


def fact(number: int, state: State | None = None, event: str = "", **more: Any) -> Fact:
    when = START + number * MINUTE
    told = {"post": "p1", "source": "p", **more}
    return Fact(
        id=f"{number:03}", provider="p", event=event or f"post.{state}", occurred_at=when, received_at=when,
        position=number, state=state, **told,
    )  # fmt: skip


def titles(text: str, *facts: Fact, known: Known = REACHED) -> list[str]:
    book = load_text(text, "r.toml", known)
    assert [str(one) for one in book.faults] == []
    world = RuleSimulation(RuleIndex(book.rules), START)
    for one in facts:
        world.wait_until(one.received_at)
        world.hear(one)
    assert world.unfit == []
    return [str(getattr(one.asked.action.payload, "title", "")) for one in world.taken]


TARGETS = (
    TargetFact("x", "a", state=State.PUBLISHED, url="https://x.example/1"),
    TargetFact("instagram", "b", state=State.FAILED, problem=Problem("auth", "signed out")),
)


def test_targets_texts_and_addresses_of_a_post_are_told() -> None:
    title = (
        "{{ post.text }}|{{ post.urls }}|"
        '{{ post.targets.filter(t, t.state == "failed").map(t, t.platform + ": " + t.error_code) }}|'
        "{{ post.targets.map(t, string(t.attempt)) }}"
    )
    said = fact(1, State.PARTIAL, targets=TARGETS, excerpt="Spring is here")
    assert titles(rule(title, "post.partial"), said) == ["Spring is here|https://x.example/1|instagram: auth|1, 1"]


def test_a_page_tells_each_target(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    page = (
        "{% for t in post.targets | sort(attribute='platform') %}{{ t.platform }}={{ t.state }} {% endfor %}"
        "{{ post.scheduled_at | at('Europe/Istanbul', '%H:%M') }} {{ post.link }}"
    )
    (tmp_path / "templates" / "a").write_text(page)
    (tmp_path / "r.toml").write_text(rule("x", "post.partial").replace("'''x'''", "'x', template = 'a'"))
    book = load_rules(tmp_path, REACHED)
    assert [str(one) for one in book.faults] == []
    world = RuleSimulation(RuleIndex(book.rules), START)
    world.hear(fact(0, State.PARTIAL, targets=TARGETS, scheduled_at=datetime(2026, 7, 1, 9, tzinfo=UTC)))
    (one,) = world.taken
    said = "instagram=failed x=published 12:00 https://tracker.example.org/posts/p1?provider=p"
    assert getattr(one.asked.action.payload, "body", "") == said


MISREAD = {
    "{{ post.targets.map(t, t.acount) }}": 'an item of post.targets has no such field (did you mean "account"?)',
    "{{ post.targets[0].nme }}": "nme: an item of post.targets has no such field (it has key, platform",
    "{{ post.targets.filter(t, t.state == 'faild') }}": '"faild" is not a state (did you mean "failed"?)',
    "{{ post.targets.exists(t, t.platform in ['instagran']) }}": '"instagran" is no platform',
    "{{ change.before == 'faild' }}": '"faild" is not a state (did you mean "failed"?)',
    "{{ 'txt' in change.fields }}": '"txt" is nothing that can change (did you mean "text"?)',
    "{{ post.excerpt }}": 'post.excerpt: not a value that rules can read (write "post.text")',
    "{{ signal.data }}": '(write "event.data")',
    "{{ at(post.scheduled_at) }}": "at",
    "{{ at(post.id, 'UTC') }}": "at shows a time: write at(post.scheduled_at",
    "{{ at(post.scheduled_at, 'Europe/Istambul') }}": 'is no time zone (did you mean "Europe/Istanbul"?)',
    "{{ at(post.scheduled_at, post.id) }}": "the zone and the format of at stand here in quotes",
    "{{ at(post.scheduled_at, 'UTC', 'DD.MM.YYYY') }}": '"DD.MM.YYYY" shows nothing of a time',
    "{{ at(post.scheduled_at, 'UTC', '%Q') }}": '"%Q" is no part of a time',
    "{{ at(post.attempt, 'UTC') }}": '"at" cannot be used with (int, text) (write at(post.scheduled_at',
}  # fmt: skip


@pytest.mark.parametrize(("title", "wrong"), MISREAD.items(), ids=MISREAD.keys())
def test_what_is_misread_is_refused(title: str, wrong: str) -> None:
    (fault,) = faults(rule(title))
    assert wrong in fault


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        ("{% for t in post.targets %}{{ t.acount }}{% endfor %}", "acount: an item of post.targets has no such field"),
        ("{{ post.targets | map(attribute='nme') | join }}", "nme: an item of post.targets has no such field"),
        ("{{ post.scheduled_at | at('Europe/Istambul') }}", '"Europe/Istambul" is no time zone'),
        ("{{ post.scheduled_at | at }}", "at takes a zone"),
        ("{{ event.data.by }}", 'write {{ event.data.by | default("") }}'),
    ],
)
def test_what_a_page_misreads_is_refused(tmp_path: Path, page: str, wrong: str) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a").write_text(page)
    (tmp_path / "r.toml").write_text(rule("x").replace("'''x'''", "'x', template = 'a'"))
    (fault,) = load_rules(tmp_path, REACHED).faults
    assert wrong in str(fault)


def test_a_link_needs_an_address_and_says_which_setting_is_missing() -> None:
    (fault,) = faults(rule("{{ post.link }}"), UNREACHED)
    assert "post.link is always empty here" in fault
    assert 'write public_url = "https://tracker.example.org" under [server]' in fault
    (in_condition,) = faults(rule("x", when="'post.link != \"\"'"), UNREACHED)
    assert "under [server]" in in_condition


def test_a_link_leads_to_the_page_of_the_post() -> None:
    said = titles(rule("{{ post.link }}"), fact(1, State.FAILED, post="a/b"))
    assert said == ["https://tracker.example.org/posts/a%2Fb?provider=p"]


def test_what_a_signal_brings_is_read_and_has_asks_whether_it_is_there() -> None:
    text = rule('{{ has(event.data.by) ? event.data.by : "?" }}', "legal.approved")
    signal: dict[str, Any] = {"source": "signal", "event": "legal.approved"}
    said = [
        fact(1, **signal, detail={"by": "a key", "data": {"by": "Ada"}, "id": "1"}),
        fact(2, **signal, detail={"by": "a key", "data": {}, "id": "2"}),
    ]
    assert titles(text, *said) == ["Ada", "?"]
    assert load_text(text).warnings == ()
    (doubt,) = load_text(rule("{{ event.data.by }}", "legal.approved")).warnings
    assert "event.data.by may not be there" in str(doubt)


def test_data_is_judged_by_its_own_types() -> None:
    when = "'has(event.data.score) && event.data.score > 3 && event.data.tags.exists(t, t == \"x\")'"
    text = rule("{{ event.data.tags }}", "cms.scored", when=when)
    detail = {"data": {"score": 4, "tags": ["x", "y"]}}
    assert titles(text, fact(1, event="cms.scored", source="signal", detail=detail)) == ["x, y"]


def test_what_has_changed_is_told_field_by_field() -> None:
    text = rule("{{ change.before }}: {{ change.fields }}", "post.*")
    time = START + timedelta(days=1)
    told = titles(
        text,
        fact(1, State.SCHEDULED, scheduled_at=time, excerpt="one"),
        fact(2, State.SCHEDULED, event="post.updated", scheduled_at=time, excerpt="two"),
        fact(3, State.SCHEDULED, event="post.updated", scheduled_at=time, excerpt="two"),
        fact(4, State.SCHEDULED, event="post.updated", scheduled_at=time + MINUTE, attributes={"campaign": "spring"}),
        fact(5, State.PUBLISHED, targets=TARGETS[:1]),
    )
    assert told == [
        ": state, scheduled_at, text", "scheduled: text", "scheduled:", "scheduled: scheduled_at, attributes",
        "scheduled: state, urls",
    ]  # fmt: skip


def test_what_was_before_is_that_of_the_target_where_targets_are_counted() -> None:
    text = rule("{{ target.platform }} {{ change.before }}", "* -> failed", per="'target'")
    first = fact(1, State.PUBLISHING, targets=(TargetFact("x", "a", state=State.PUBLISHING),))
    assert titles(text, first, fact(2, State.FAILED)) == ["x publishing"]


CAMPAIGN = (
    "[rule.a]\non = '* -> failed'\n{}do = [{{ alert = 'ops', title = '{{{{ post.id }}}} {{{{ run.count }}}}' }}]\n"
)


def failed(number: int, campaign: str = "", post: str = "") -> Fact:
    attributes = {"campaign": campaign} if campaign else {}
    return fact(number, State.FAILED, post=post or f"p{number}", attributes=attributes)


def test_posts_are_matched_by_an_attribute() -> None:
    text = CAMPAIGN.format('match = { "attributes.campaign" = ["spring-*", "x"] }\n')
    posts = [failed(1, "spring-sale"), failed(2, "autumn"), failed(3), failed(4, "x")]
    assert titles(text, *posts) == ["p1 1", "p4 1"]


def test_posts_that_share_an_attribute_are_counted_as_one_and_others_are_passed_over() -> None:
    text = CAMPAIGN.format('per = "attributes.campaign"\ncount = ">= 2 in 1h"\n')
    posts = [failed(1, "a"), failed(2, "b"), failed(3), failed(4), failed(5, "a"), failed(6, "b")]
    assert titles(text, *posts) == ["p5 2", "p6 2"]


def test_why_names_the_attribute_that_a_post_lacks() -> None:
    (one,) = load_text(CAMPAIGN.format('per = "attributes.campaign"\n')).rules
    subject = Group("p/", "p", "p3")
    missed = one.unmatched(subject)
    assert missed is not None
    clause = refused(one, subject, NotMatched(missed))
    assert (clause.key, clause.wanted, clause.was) == ("match.attributes.campaign", '"*"', "it is nothing")


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ('match = { attributes.campaign = "x" }\n', 'stands in quotes, as in match = { "attributes.campaign"'),
        ('match = { "attributes.a b" = "x" }\n', "is no name of an attribute: write letters"),
        ('match = { "attribute.a" = "x" }\n', "match has no such key"),
        ('per = "attributes."\n', '(an attribute is written as in "attributes.campaign")'),
    ],
)
def test_attributes_are_named_as_they_can_be(keys: str, wrong: str) -> None:
    (fault,) = faults(CAMPAIGN.format(keys))
    assert wrong in fault


def test_what_several_posts_share_is_no_post() -> None:
    text = CAMPAIGN.format('per = "attributes.campaign"\n').replace(
        "alert = 'ops', title", "retry = 'publish' }, { alert = 'ops', title"
    )
    (fault,) = faults(text)
    assert "a retry concerns a post or a target, not a whole attributes.campaign" in fault


MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS, st.sampled_from(["UTC", "Europe/Istanbul", "America/New_York", "Asia/Kolkata"]))
def test_a_time_in_a_zone_is_the_same_moment(moment: datetime, zone: str) -> None:
    assert datetime.strptime(at(moment, zone, "%Y-%m-%dT%H:%M:%S.%f%z"), "%Y-%m-%dT%H:%M:%S.%f%z") == moment
    assert at(moment.isoformat(), zone) == at(moment, zone)


def test_a_time_that_is_not_known_is_nothing_and_the_clocks_of_the_zone_count() -> None:
    assert titles(rule("[{{ at(post.scheduled_at, 'Europe/Istanbul') }}]"), fact(1, State.FAILED)) == ["[]"]
    assert at(datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "Europe/Berlin") == "2026-03-29 01:59"
    assert at(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "Europe/Berlin", "%H:%M") == "03:00"
