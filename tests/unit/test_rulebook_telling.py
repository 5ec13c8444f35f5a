"""A test that fails tells what was said instead; one whose names are none is refused and never green."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tracker.rulebook import Known, load_text
from tracker.rulebook.test_runner import Outcome, junit, run_tests

KNOWN = Known(channels={"ops", "boss"}, endpoints={"cms"}, providers={"sosyalkopru"})
ALERT = """[rule.a]
on = ["post.failed", "cms.acked"]
do = [{ alert = "ops", title = "{{ post.id }} failed: {{ error.message }}", body = "one\\ntwo" }]
"""
SEND = '[rule.a]\non = "post.published"\nper = "target"\ndo = [{ send = "cms", data = { id = "{{ post.id }}" } }]\n'
DIGEST = """[rule.a]
every = "1h"
over = { events = "post.failed" }
empty = "skip"
do = [{ send = "ops", body = "{{ run.count }} since {{ run.since }}" }]
"""


def written(rule: str, timeline: str, given: str = "") -> str:
    lines, known = timeline.replace("; ", "\n"), f"given = {given}\n" if given else ""
    return f"{rule}[[test]]\nrule = 'a'\n{known}timeline = '''\n{lines}\n'''\n"


def played(rule: str, timeline: str) -> Outcome:
    book = load_text(written(rule, timeline), "r.toml", KNOWN)
    assert [str(fault) for fault in book.faults] == []
    (outcome,) = run_tests(book.tests, book.rules)
    return outcome


def faults(rule: str, timeline: str, given: str = "") -> list[str]:
    return [str(fault) for fault in load_text(written(rule, timeline, given), "r.toml", KNOWN).faults]


SAID = 'alert ops at 0s title="p1 failed: spam" body="one\\ntwo"'


def test_what_was_said_is_told_where_something_else_was_demanded() -> None:
    outcome = played(ALERT, '0s > post.failed error.message=spam; 0s < alert ops title="p2 failed"')
    assert outcome.wrong == f"it did not; what was done: {SAID}"


def test_what_was_said_is_told_where_nothing_must_be() -> None:
    outcome = played(ALERT, "0s > post.failed error.message=spam; 1h ! alert ops")
    assert outcome.wrong == f"it must not, but it did at 0s: {SAID}"


def test_the_data_of_a_send_is_told() -> None:
    outcome = played(SEND, "0s > post.published platform=x; 0s < send cms event=digest")
    assert outcome.wrong == 'it did not; what was done: send cms at 0s event=post.published data="{"id": "p1"}"'


def test_a_second_demand_is_told_that_the_first_was_met_by_all_there_was() -> None:
    outcome = played(ALERT, "0s > post.failed error.message=spam; 0s < alert ops; 0s < alert ops")
    assert outcome.wrong == f"it did not; all that was done is demanded above: {SAID}"


def test_machines_are_told_what_was_said_too() -> None:
    outcome = played(ALERT, "0s > post.failed error.message=spam; 0s < alert ops title=no")
    said = {
        "at": "0s", "verb": "alert", "to": "ops", "rule": "a", "title": "p1 failed: spam",
        "body": "one\ntwo", "severity": "warning",
    }  # fmt: skip
    assert outcome.what_was_done == [said]
    failure = ET.fromstring(junit([outcome]).encode()).find("testsuite/testcase/failure")  # noqa: S314  (our own)
    assert failure is not None
    assert str(failure.text).splitlines()[-1] == SAID


def test_what_happens_in_the_first_moment_is_gathered() -> None:
    timeline = "0s > post.failed; 30m > post.failed post=p2; 1h < send ops body='2 since 2026-01-05 09:00:00'"
    assert played(DIGEST, f"{timeline}; 3h ! send").wrong == ""


def test_an_absent_value_is_no_word_that_can_be_demanded() -> None:
    assert not played(ALERT, "0s > post.failed; 0s < alert ops target=None").passed


STRAY = {
    "a channel nearly right": (
        ALERT, "0s > post.failed; 1h ! alert opps",
        'r.toml:8:1: test.timeline: the rule has no step alert = "opps" (did you mean "ops"?)',
    ),
    "a channel of another rule": (
        ALERT, "0s > post.failed; 1h ! alert boss",
        'r.toml:8:1: test.timeline: the rule has no step alert = "boss" (it names ops)',
    ),
    "an endpoint": (SEND, "0s > post.published platform=x; 1h ! send cmss", 'send = "cmss" (did you mean "cms"?)'),
    "a platform": (
        ALERT, "0s > post.failed platform=instagran; 0s < alert",
        'r.toml:7:1: test[0].timeline: "instagran" is no platform (did you mean "instagram"?)',
    ),
    "a platform among several": (ALERT, "0s > post.failed platform=x,instagran; 0s < alert", '"instagran" is no'),
    "an account of no platform": (
        ALERT, "0s > post.failed account=brand; 0s < alert", "account=brand goes with platform=",
    ),
    "a platform of no account": (
        ALERT, "0s > account.lost platform=x; 0s ! alert", "platform= goes with account=",
    ),
    "a provider": (
        ALERT, "0s > post.failed provider=sosyalkopro; 0s < alert",
        'there is no provider "sosyalkopro" in the configuration (did you mean "sosyalkopru"?)',
    ),
    "an event": (
        ALERT, "0s > cms.aked; 0s ! alert",
        'r.toml:7:1: test.timeline: the rule never hears of "cms.aked" (did you mean "cms.acked"?)',
    ),
    "a severity": (
        ALERT, "0s > post.failed; 0s < alert severity=critcal",
        'severity="critcal" is none of info, warning, critical (did you mean "critical"?)',
    ),
    "a title of a send": (
        SEND, "0s > post.published platform=x; 0s ! send title=x",
        "title: a demand of send has no such field; it has to, post, body, event",
    ),
    "a body of a send without one": (
        SEND, "0s > post.published platform=x; 0s ! send body=x",
        'body: no such send of the rule has a text: give it one with "body" or "template"',
    ),
    "a quote that is never closed": (ALERT, "0s > post.failed; 0s < alert title=don't", "a quote is never closed"),
    "a field that no fact has": (ALERT, "0s > post.failed tier=vip; 0s < alert", "(it may have provider, post, "),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "timeline", "wrong"), STRAY.values(), ids=STRAY.keys())
def test_a_name_that_is_none_is_refused(rule: str, timeline: str, wrong: str) -> None:
    (fault,) = faults(rule, timeline)
    assert wrong in fault


def test_a_platform_of_all_facts_is_looked_at_too() -> None:
    (fault,) = faults(ALERT, "0s > post.failed; 0s < alert", '{ platform = "instagran" }')
    assert '"instagran" is no platform (did you mean "instagram"?)' in fault


def test_all_mistakes_of_a_timeline_are_told_and_the_unknown_rule_with_them() -> None:
    text = written(ALERT, "0s > post.faild; 0s < allert; 1 < alert").replace("rule = 'a'", "rule = 'aa'")
    assert [str(fault).partition(": ")[0] for fault in load_text(text, "r.toml", KNOWN).faults] == [
        "r.toml:7:1", "r.toml:8:1", "r.toml:9:1", "r.toml:5:8",
    ]  # fmt: skip
    nothing = written(ALERT, "0s > post.failed").replace("rule = 'a'", "rule = 'aa'")
    assert [fault.message.partition(":")[0] for fault in load_text(nothing, "r.toml", KNOWN).faults] == [
        "demands nothing", 'there is no rule "aa" (did you mean "a"?)',
    ]  # fmt: skip
