"""A rule's tests pass while the rule does what they say, and fail when it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tracker.domain.rules.grouping import DEFAULTS
from tracker.domain.rules.step import SendStep
from tracker.rulebook import Known, load_rules, load_text
from tracker.rulebook.test_runner import Outcome, run_tests

RULES = Path(__file__).parents[2] / "rules"
STARTER = load_rules(RULES, Known(channels={"ops"}, endpoints={"cms"}, providers={"sosyalkopru"}))

RETRY = """
[rule.retry]
on        = "post.failed"
match     = { platform = "instagram" }
when      = 'error.retryable && post.attempt < 4'
per       = "target"
cancel_on = ["post.published", "post.removed"]
do        = [{ retry = "publish", tries = 3, backoff = "1m x2 max 30m jitter 20%" }]
exhausted = [{ alert = "ops", title = "{{ post.id }}: gave up after {{ run.tries }} tries: {{ error.message }}" }]
"""
STUCK = """
[rule.stuck]
while = { state = "publishing" }
for   = "15m"
do    = [{ alert = "ops", title = "{{ post.id }} has been publishing for {{ run.held }}", resolves = true }]
"""
LATE = """
[rule.late]
expect = "post.publishing"
within = "10m"
of     = "post.scheduled_at"
do     = [{ alert = "ops", title = "{{ post.id }} never started" }]
"""


def played(rule: str, timeline: str, given: str = 'platform = "instagram"') -> Outcome:
    name = rule.partition("[rule.")[2].partition("]")[0]
    book = load_text(f'{rule}\n[[test]]\nrule = "{name}"\ngiven = {{ {given} }}\ntimeline = """{timeline}"""')
    assert [str(fault) for fault in book.faults] == []
    (outcome,) = run_tests(book.tests, book.rules)
    return outcome


def test_the_rules_we_ship_load_without_faults() -> None:
    assert [str(fault) for fault in (*STARTER.faults, *STARTER.warnings)] == []


@pytest.mark.parametrize(
    "outcome", run_tests(STARTER.tests, STARTER.rules), ids=lambda one: f"{one.test.rule}: {one.test.name}"
)
def test_the_rules_we_ship_do_what_their_tests_say(outcome: Outcome) -> None:
    assert outcome.wrong == ""


def test_each_rule_we_ship_has_a_test() -> None:
    assert {rule.id for rule in STARTER.rules} == {name for test in STARTER.tests for name in test.rules}


RETRIED = """
0s     >  post.failed   error.code=timeout error.retryable=true
1m     <  retry
2m     >  @restart
2m     >  post.published
1h     !  retry
"""
HELD = """
0s   >  post.publishing
15m  <  alert ops  title="p1 has been publishing for 15m"
20m  >  @reload
30m  >  post.published
30m  <  alert ops  resolved=true
"""
STARTED = """
0s     >  post.scheduled  scheduled_at=1h
1h10m  <  alert
"""


def test_timelines_of_rules_that_work_pass() -> None:
    assert [played(*case).wrong for case in ((RETRY, RETRIED), (STUCK, HELD), (LATE, STARTED))] == ["", "", ""]


@pytest.mark.parametrize(
    ("rule", "timeline", "before", "after"),
    [
        (RETRY, RETRIED, '"post.failed"', '"removed -> failed"'),
        (RETRY, RETRIED, '"instagram"', '"x"'),
        (RETRY, RETRIED, "error.retryable &&", "!error.retryable &&"),
        (RETRY, RETRIED, '"1m x2', '"2m x2'),
        (STUCK, HELD, '"publishing"', '"retrying"'),
        (STUCK, HELD, '"15m"', '"14m"'),
        (STUCK, HELD, '"15m"', '"16m"'),
        (STUCK, HELD, ", resolves = true", ""),
        (STUCK, HELD, "has been publishing", "is stuck"),
        (LATE, STARTED, '"post.scheduled_at"', '"post.failed_at"'),
        (LATE, STARTED, '"10m"', '"9m"'),
    ],
)
def test_the_timeline_of_a_broken_rule_fails(rule: str, timeline: str, before: str, after: str) -> None:
    assert before in rule
    assert not played(rule.replace(before, after), timeline).passed


def test_a_rule_that_is_not_cancelled_in_time_fails_what_must_not_happen() -> None:
    timeline = "\n0s > post.failed error.retryable=true\n30s > post.removed\n1h ! retry\n"
    assert played(RETRY, timeline).passed
    eager = RETRY.replace('cancel_on = ["post.published", "post.removed"]', "").replace(
        "[{ retry", '[{ alert = "ops", title = "x" }, { retry'
    )
    wrong = played(eager, timeline.replace("! retry", "! alert")).wrong
    assert wrong == "it must not, but it did at 0s: alert ops at 0s title=x"


@pytest.mark.parametrize(
    ("demand", "wrong"),
    [
        ("5m < retry", "it did not then, but at 1m"),
        ("5m ! retry", "it must not, but it did at 1m"),
        ("5m < alert", "it did not; what was done: retry sosyalkopru at 1m"),
        ("30s < retry", "it did not; nothing was done"),
        ("1m < retry target=x:a", "it did not; what was done: retry sosyalkopru at 1m"),
    ],
)
def test_a_demand_that_is_not_met_says_what_was_done_instead(demand: str, wrong: str) -> None:
    outcome = played(RETRY, f"\n0s > post.failed error.retryable=true\n{demand}\n")
    assert outcome.wrong == wrong
    assert outcome.line is not None
    assert outcome.line.text == demand
    assert outcome.place == f"rules.toml:{2 + RETRY.count(chr(10)) + 5}"


def test_one_action_meets_one_demand() -> None:
    assert not played(RETRY, "\n0s > post.failed error.retryable=true\n1m < retry\n1m < retry\n").passed


def test_a_condition_that_cannot_be_judged_fails_the_test() -> None:
    rule = RETRY.replace("post.attempt < 4", "4 / (post.attempt - 1) > 0")
    assert played(rule, "\n0s > post.failed error.retryable=true\n1h ! retry\n").wrong == (
        "the condition of retry: divide by zero"
    )


def test_a_rule_that_is_switched_off_is_tested_all_the_same() -> None:
    assert played(RETRY + "enabled = false", RETRIED).passed


def test_each_post_of_a_timeline_is_a_story_of_its_own() -> None:
    timeline = """
    0s   > post.publishing
    5m   > post.publishing post=p2
    15m  < alert title="p1 has"
    20m  < alert title="p2 has"
    """
    assert played(STUCK, timeline).wrong == ""


def test_a_fact_may_arrive_later_than_it_happened() -> None:
    timeline = """
    10m  > post.publishing at=0s
    12m  > post.published  at=1m
    1h   ! alert
    """
    assert played(STUCK, timeline).wrong == ""


def test_a_retry_that_the_provider_takes_begins_an_attempt_even_if_it_never_says_so() -> None:
    timeline = """
    0s   > post.failed error.retryable=true
    1m   < retry
    5m   > post.failed error.retryable=true
    7m   < retry
    """
    assert played(RETRY, timeline).wrong == ""


def test_the_digest_that_we_ship_reads_well() -> None:
    digest = next(rule for rule in STARTER.rules if rule.id == "daily-digest")
    (step,) = digest.do
    assert isinstance(step, SendStep)
    assert step.body is not None
    items = [
        {"event": "post.published", "post_id": "p1", "error_message": "", "platforms": ["x"]},
        {"event": "post.failed", "post_id": "p2", "error_message": "timed out", "platforms": ["instagram", "x"]},
        {"event": "post.partial", "post_id": "p3", "error_message": "", "platforms": ["vk"]},
    ]
    told = {"run.count": 4, "run.items": items, "run.since": datetime(2026, 11, 24, 6, tzinfo=UTC)}
    assert step.body({**DEFAULTS, **told}).splitlines() == [
        "4 posts since 2026-11-24 06:00:00 UTC, 2 of them not or not wholly published.",
        "- p2 (instagram, x): timed out",
        "- p3 (vk): no reason given",
        "Only the newest 3 are listed.",
    ]


def test_what_a_rule_does_by_itself_can_be_demanded() -> None:
    book = load_text(
        """
[rule.held]
on = "post.failed"
do = [{ alert = "ops", title = "x" }]

[rule.holds]
on = "post.published"
do = [{ pause = "held", for = "30m" }, { set = { by = "{{ run.rule }}" } },
      { wait = "cms.acked", at_most = "1m" }, { resume = "held" }]

[[test]]
rule = "holds"
timeline = '''
0s > post.published
0s < pause held
0s < set
1m < resume held
'''

[[test]]
rule = "holds"
timeline = '''
0s > post.published
0s ! pause held
'''
"""
    )
    assert not book.faults
    assert [one.passed for one in run_tests(book.tests, book.rules)] == [True, False]


def test_an_alert_of_the_night_is_demanded_for_the_morning() -> None:
    """Timelines begin at nine in the morning, UTC, on a Monday."""
    book = load_text(
        """
[rule.nightly]
on = "post.failed"
quiet = "08:00-12:00 UTC"
do = [{ alert = "ops", title = "x" }]

[[test]]
rule = "nightly"
timeline = '''
1h > post.failed
1h ! alert
3h < alert
'''
"""
    )
    assert not book.faults
    assert [one.wrong for one in run_tests(book.tests, book.rules)] == [""]


SENDING = """
[rule.tell]
on = "post.published"
do = [{ send = "ops", body = "{{ post.id }} is out, see {{ post.platforms }}" }]
"""


@pytest.mark.parametrize(("body", "passes"), [("p1 is out", True), ("p2 is out", False)])
def test_what_a_send_says_to_people_can_be_demanded(body: str, passes: bool) -> None:
    outcome = played(SENDING, f"\n0s > post.published\n0s < send ops body='{body}'\n")
    assert outcome.passed is passes


AGAIN = """
[rule.again]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]
"""
THREE = """
[rule.three]
on    = "post.failed"
per   = "account"
count = "> 2 in 10m"
do    = [{ alert = "ops", title = "often" }]
"""
CROSSED = """
[rule.crossed]
on = "* -> failed"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]
"""


@pytest.mark.parametrize("given", ['post = "p1"', 'platform = "instagram", account = "a"'])
def test_an_event_that_says_an_end_again_fires_again_and_counts(given: str) -> None:
    twice = "\n0s  >  post.failed\n0s  <  alert ops\n30m >  post.failed\n30m <  alert ops"
    assert played(AGAIN, twice, given).wrong == ""
    often = "\n0s  >  post.failed\n1m  >  post.failed\n1m  !  alert ops\n2m  >  post.failed\n2m  <  alert ops"
    assert played(THREE, often, given).wrong == ""


def test_a_transition_is_a_change_and_happens_once() -> None:
    once = "\n0s  >  post.failed\n0s  <  alert ops\n30m >  post.failed\n40m !  alert ops"
    assert played(CROSSED, once).wrong == ""


REPEATED = """
[rule.a]
on = "post.failed"
do = [{ alert = "ops", title = "x", resolves = true, repeat = "4h max 2" }]

[[test]]
rule     = "a"
timeline = '''
0s     >  post.failed
0s     <  alert ops   title="x"
4h     <  alert ops   title="Still, after 4h: x"
8h     <  alert ops   title="Still, after 8h: x"
7d     !  alert ops
7d     >  post.published
7d     <  alert ops   resolved=true
'''
"""


def test_repetitions_have_an_end_and_what_they_were_about_is_told_to_be_over() -> None:
    book = load_text(REPEATED)
    assert book.faults == ()
    assert [outcome.wrong for outcome in run_tests(book.tests, book.rules)] == [""]


UNDER_CONDITIONS = """
[rule.digest]
every = "1h"
over  = { events = ["post.failed"] }
do    = [{ when = "run.count > 1", alert = "ops", title = "{{ run.count }} failed" }]

[rule.page]
on  = "post.failed"
per = "target"
do  = [{ when = "post.attempt > 1", run = "page", else = "calmly" }, { alert = "log", title = "paged" }]
[rule.page.branch]
calmly = [{ alert = "web", title = "look at it when there is time" }]

[workflow.page]
do = [
  { when = "target.url != ''", alert = "boss", title = "{{ target.url }}", else = "unseen" },
  { alert = "oncall", title = "go" },
]
[workflow.page.branch]
unseen = [{ alert = "oncall", title = "nobody can see it" }]

[[test]]
rule     = "digest"
timeline = '''
1s     >  post.failed
1h1s   >  post.failed   post=p2
1h2s   >  post.failed   post=p3
1h3s   !  alert
2h     <  alert ops     title="2 failed"
'''

[[test]]
rule     = "page"
given    = { platform = "x" }
timeline = '''
0s     >  post.failed
0s     <  alert web
0s     !  alert oncall
0s     !  alert log
1m     >  post.failed   post=p2 attempt=2
1m     <  alert oncall  title="nobody can see it"
1m     !  alert boss
1m     !  alert log
2m     >  post.failed   post=p3 attempt=2 url=https://x.com/1
2m     <  alert boss    title="https://x.com/1"
2m     <  alert oncall  title="go"
2m     <  alert log
'''
"""


def test_conditions_of_steps_choose_among_steps_branches_and_workflows() -> None:
    book = load_text(UNDER_CONDITIONS)
    assert book.faults == ()
    assert [outcome.wrong for outcome in run_tests(book.tests, book.rules)] == ["", ""]
