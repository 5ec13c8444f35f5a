"""A test that was recorded from what really happened passes, and fails when its rule is broken."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.histories import EPOCH, deliveries, fact, target
from tests.unit.test_explain import RULES, a_rule
from tests.unit.test_rulebook_testing import RETRY
from tracker.domain.posts.event import Fact, Problem, State, TargetFact
from tracker.rulebook import load_text
from tracker.rulebook.recording import Done, record_test
from tracker.rulebook.test_runner import Outcome, junit, run_tests

NOW = EPOCH + timedelta(hours=2)
STUCK = """
[rule.stuck]
while = { state = "publishing" }
for   = "15m"
do    = [{ alert = "ops", title = "{{ post.id }} hangs", resolves = true }]
"""


def played(rule: str, table: str) -> Outcome:
    book = load_text(f"{rule}\n{table}")
    assert [str(fault) for fault in book.faults] == []
    (outcome,) = run_tests(book.tests, book.rules)
    return outcome


def failed(second: int, message: str = 'it\'s "late"', **more: object) -> Fact:
    problem = Problem("timeout", message, retryable=True)
    targets = (
        TargetFact("instagram", "a b", 1, State.FAILED, problem=problem),
        TargetFact("x", None, 1, State.PUBLISHED, url="https://x.com/1"),
    )
    return fact(second, State.PARTIAL, targets, problem=problem, **more)


SAID = """
[rule.said]
on   = ["post.failed", "legal.approved"]
when = "post.attributes.exists(name, name == 'campaign') && (event.name != 'legal.approved' || event.data.score > 3)"
do   = [{ alert = "ops", title = "{{ post.text }}: {{ has(event.data.by) ? event.data.by : '' }}" }]
"""


def test_what_a_rule_reads_of_texts_attributes_and_signals_is_recorded() -> None:
    attributes, data = {"campaign": "spring sale"}, {"score": 4, "by": "Ada", "vip": True, "tags": ["x"]}
    facts = [
        fact(0, State.FAILED, excerpt="Spring is here", attributes=attributes),
        replace(fact(60, None), event="legal.approved", source="signal", detail={"data": data}),
    ]
    done = [Done(EPOCH + timedelta(seconds=at), "alert", "ops", "done") for at in (0, 60)]
    table = record_test(a_rule(SAID), facts, done, NOW)
    assert 'attributes.campaign="spring sale" text="Spring is here"' in table
    assert "data.score=4 data.by=Ada data.vip=true" in table
    assert table.count("<  alert ops") == 2
    assert played(SAID, table).passed


def test_what_happened_and_what_was_done_become_a_test_that_passes() -> None:
    facts = [fact(0, State.PUBLISHING, (target("instagram", State.PUBLISHING),)), failed(5), failed(70)]
    table = record_test(a_rule(RETRY), facts, [Done(EPOCH, "retry", "sosyalkopru", "done")], NOW)
    problem = 'error.code=timeout error.message="it\'s \\"late\\"" error.retryable=true'
    assert table.split("'''")[1].splitlines()[1:] == [
        "0s       >  post.publishing  platform=instagram",
        "#  not on record: retry sosyalkopru",
        f'5s       >  post.failed  platform=instagram account="a b" {problem}',
        "5s       >  post.published  platform=x url=https://x.com/1",
        "1m5s     <  retry",
        f'1m10s    >  post.failed  platform=instagram account="a b" {problem}',
        "1m10s    >  post.published  platform=x url=https://x.com/1",
        "3m10s    <  retry",
        "2h       !  alert",
    ]
    assert played(RETRY, table).wrong == ""


IN_VAIN = """
[rule.in-vain]
on = "action.dead"
do = [{ alert = "ops", title = "{{ action.target }}: {{ action.reason }}" }]
"""


def test_what_others_asked_for_in_vain_is_told_to_a_rule_that_hears_of_it() -> None:
    said = {"verb": "send", "target": "cms", "reason": "gone", "rule": "tell"}
    facts = [
        fact(0, State.PUBLISHED), fact(9, None, event="action.dead", source="action", detail=said),
        fact(9, None, event="action.dead", source="action", detail={**said, "rule": "in-vain"}),
    ]  # fmt: skip
    table = record_test(a_rule(IN_VAIN), facts, [], NOW)
    told = "action.verb=send action.target=cms action.reason=gone action.rule=tell"
    assert [line for line in table.splitlines() if "action.dead" in line] == [f"9s       >  action.dead  {told}"]
    assert "9s       <  alert ops" in table
    assert played(IN_VAIN, table).wrong == ""


def test_the_recorded_test_fails_when_its_rule_is_broken() -> None:
    table = record_test(a_rule(STUCK), [fact(0, State.PUBLISHING), fact(2000, State.PUBLISHED)], [], NOW)
    assert "15m      <  alert ops" in table
    assert "33m20s   <  alert ops  resolved=true" in table
    assert played(STUCK, table).passed
    assert not played(STUCK.replace("15m", "14m"), table).passed
    assert not played(STUCK.replace(", resolves = true", ""), table).passed


def test_what_was_not_done_must_not_be_done() -> None:
    table = record_test(a_rule(STUCK), [fact(0, State.PUBLISHING), fact(60, State.PUBLISHED)], [], NOW)
    assert "2h       !  alert" in table
    assert not played(STUCK.replace("15m", "30s"), table).passed


def test_where_the_record_says_otherwise_a_remark_tells_it() -> None:
    done = [Done(EPOCH + timedelta(minutes=20), "send", "cms", "dead")]
    table = record_test(a_rule(STUCK), [fact(0, State.PUBLISHING)], done, NOW)
    assert "#  on record: send cms at 20m: dead" in table
    assert "#  not on record: alert ops" in table
    assert played(STUCK, table).passed


def test_our_own_facts_are_left_to_the_rehearsal_and_signals_are_told() -> None:
    own = fact(10, State.RETRYING, source="action", event="action.done")
    signal = fact(20, None, source="signal", event="cms.acked")
    table = record_test(a_rule(STUCK), [fact(0, State.PUBLISHING), own, signal], [], NOW)
    assert "action.done" not in table
    assert "20s      >  cms.acked" in table
    with pytest.raises(ValueError, match="nothing is on record"):
        record_test(a_rule(STUCK), [own], [], NOW)


def test_a_late_fact_says_when_it_happened_and_an_odd_one_is_a_remark() -> None:
    late = fact(5, State.PUBLISHING, received_at=EPOCH + timedelta(seconds=90.5))
    odd = fact(100, None, event="post.publish")
    table = record_test(a_rule(STUCK), [fact(0, State.SCHEDULED), late, odd], [], NOW)
    assert "1m30s500ms >  post.publishing  at=5s" in table
    assert "#  post.publish happened, which a test cannot tell" in table
    assert played(STUCK, table).passed


def test_a_rule_with_quiet_hours_keeps_the_time_of_the_day() -> None:
    quiet = STUCK + 'quiet = "22:00-08:00 UTC"'
    table = record_test(a_rule(quiet), [fact(12 * 3600 + 2, State.PUBLISHING)], [], EPOCH + timedelta(days=3))
    assert f'starts   = "{EPOCH + timedelta(hours=12):%Y-%m-%d %H:%M} UTC"' in table
    assert "2s       >  post.publishing" in table
    assert played(quiet, table).passed


@given(st.sampled_from(RULES), deliveries(), st.text(max_size=30))
def test_whatever_happened_the_recorded_test_passes(
    rule: str, told: tuple[list[Fact], list[Fact]], message: str
) -> None:
    facts = [fact(0, State.FAILED, problem=Problem("x", message, retryable=True))]
    for place, one in enumerate(told[1], 1):
        moment = EPOCH + place * timedelta(seconds=0.75)
        facts.append(Fact(**{name: getattr(one, name) for name in Fact.__struct_fields__} | {"received_at": moment}))
    table = record_test(a_rule(rule), facts, [], NOW)
    assert played(rule, table).wrong == ""


def test_build_servers_are_told_each_test_and_what_was_wrong() -> None:
    table = record_test(a_rule(STUCK), [fact(0, State.PUBLISHING)], [], NOW).replace("p1", "p\\u0007<1>")
    book = load_text(STUCK.replace("15m", "16m") + table + table.replace("15m ", "16m "))
    root = ET.fromstring(junit(run_tests(book.tests, book.rules)).encode())  # noqa: S314  (our own)
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    suite = root.find("testsuite")
    assert suite is not None
    assert suite.get("name") == "rules.toml"
    first, second = suite.findall("testcase")
    assert (first.get("classname"), first.get("name")) == ("stuck", "what happened to p�<1>")
    failure = first.find("failure")
    assert failure is not None
    assert "it did not; nothing was done" in str(failure.get("message"))
    assert second.find("failure") is None


ASKING = """
[rule.draft]
on = "post.failed"
do = [
  { send = "cms", as = "cms", at_most = "2m", else = "down" },
  { alert = "ops", title = "draft {{ has(cms.answer.n) ? cms.answer.n : 0 }}" },
]
[rule.draft.branch]
down = [{ alert = "boss", title = "down" }]
"""


@pytest.mark.parametrize(("end", "told"), [("done", "ops"), ("dead", "boss")])
def test_what_became_of_a_send_that_was_waited_for_is_recorded(end: str, told: str) -> None:
    (rule,) = load_text(ASKING).rules
    detail = {"rule": "draft", "verb": "send", "target": "cms", "reason": "ok", "answer": {"n": 7, "list": [1]}}
    said = detail if end == "done" else {**detail, "answer": None}
    ended = replace(fact(60, None), event=f"action.{end}", source="action", detail=said)
    others = replace(fact(70, None), event="action.done", source="action", detail={**detail, "rule": "another"})
    done = [Done(EPOCH, "send", "cms", end), Done(EPOCH + timedelta(seconds=60), "alert", told, "done")]
    table = record_test(rule, [fact(0, State.FAILED), ended, others], done, NOW)
    assert table.count(f">  action.{end}") == 1
    assert f"1m       <  alert {told}" in table
    assert ("answer.n=7" in table) is (end == "done")
    assert played(ASKING, table).passed
