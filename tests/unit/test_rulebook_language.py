"""Every key of the language is read into what the engine does, and says something sensible where it is left out."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from tracker.domain.calendar import EVERY_DAY, Quiet
from tracker.domain.cron import parse_schedule
from tracker.domain.posts.event import State
from tracker.domain.rate import Count, Rate
from tracker.domain.rules.descriptions import trigger_in_words
from tracker.domain.rules.event_pattern import EventName, StateEntered, Transition
from tracker.domain.rules.grouping import DEFAULTS
from tracker.domain.rules.rule import Every, Mode, Rule
from tracker.domain.rules.step import (
    AlertStep,
    PauseStep,
    ReconcileStep,
    ResumeStep,
    RetryStep,
    SendStep,
    SetStep,
    Step,
    WaitStep,
)
from tracker.rulebook import Known, Rulebook, load_rules, load_text

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HEAD = '[rule.a]\non = "post.failed"\n'
ANY = Known()
OTHER = '\n[rule.b]\non = "post.removed"\ndo = [{ alert = "ops", title = "x" }]\n'


def loaded(text: str, known: Known = ANY, folder: Path | None = None) -> Rulebook:
    """What a text without faults says."""
    book = load_text(text, "r.toml", known, folder)
    assert [str(fault) for fault in book.faults] == []
    return book


def rule_of(text: str) -> Rule:
    """The rule "a" of a text."""
    return next(rule for rule in loaded(text).rules if rule.id == "a")


def steps_of(do: str, rest: str = "") -> tuple[Step, ...]:
    return rule_of(f"{HEAD}do = [{do}]\n{rest}{OTHER}").do


def test_what_refines_a_trigger_is_read() -> None:
    rule = rule_of(
        HEAD
        + 'count = "> 5 in 10m"\nonce = "1h"\nper = "account"\nmode = "restart"\n'
        + 'quiet = "22:00-08:00 Europe/Istanbul"\n'
        + 'mutes = ["b"]\ncanary = "24h"\nbudget = "50 per hour"\ncancel_on = "post.removed"\n'
        + 'do = [{ alert = "ops", title = "x" }]'
        + OTHER
    )
    assert rule.count == Count(6, 10 * MINUTE)
    assert rule.once == HOUR
    assert rule.mode is Mode.RESTART
    assert rule.quiet == (Quiet(time(22), time(8), EVERY_DAY, "Europe/Istanbul"),)
    assert rule.mutes == ("b",)
    assert rule.canary == 24 * HOUR
    assert rule.budget == Rate(50, HOUR)


def test_a_rule_that_says_nothing_more_is_plain() -> None:
    rule = rule_of(HEAD + 'do = [{ alert = "ops", title = "x" }]')
    assert (rule.count, rule.once, rule.mode, rule.quiet, rule.mutes, rule.canary) == (
        None, None, Mode.SINGLE, (), (), None,
    )  # fmt: skip


def test_a_rule_without_a_budget_has_that_of_the_configuration() -> None:
    text = HEAD + 'do = [{ alert = "ops", title = "x" }]'
    (rule,) = loaded(text).rules
    assert rule.budget is None
    (other,) = loaded(text, Known(budget=Rate(5, MINUTE))).rules
    assert other.budget == Rate(5, MINUTE)
    assert other.revision == rule.revision


def test_a_row_is_read() -> None:
    rule = rule_of(HEAD + 'count = "3 in a row"\ndo = [{ alert = "ops", title = "x" }]')
    assert rule.count == Count(3, timedelta(days=30), in_a_row=True)
    assert str(rule.count) == "3 in a row"


def test_a_time_of_the_clock_is_read() -> None:
    rule = rule_of(
        '[rule.a]\nevery = "weekdays 09:00 Europe/Istanbul"\nempty = "skip"\n'
        'over = { events = ["post.published", "* -> failed", "account.*"], since = "last-run" }\n'
        'do = [{ send = "team", body = "{{ run.count }}" }]'
    )
    words = (StateEntered(State.PUBLISHED), Transition(None, State.FAILED), EventName("account.*"))
    assert rule.trigger == Every(parse_schedule("weekdays 09:00 Europe/Istanbul"), words, skip_empty=True)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("weekdays 09:00 Europe/Istanbul", "0 9 * * 1-5 Europe/Istanbul"),
        ("1st,15th 09:00 UTC", "0 9 1,15 * * UTC"),
        ("last day 18:30 UTC", "30 18 L * * UTC"),
        ("first,third monday 09:00 UTC", "0 9 * * mon#1,mon#3 UTC"),
        ("last friday 09:00 UTC", "0 9 * * 5L UTC"),
        ("day 00:00 UTC", "@daily UTC"),
    ],
)
def test_a_cron_line_and_the_words_for_it_mean_the_same(words: str, line: str) -> None:
    in_words, by_cron = (
        rule_of(f'[rule.a]\nevery = "{text}"\ndo = [{{ send = "team", body = "x" }}]') for text in (words, line)
    )
    assert in_words.revision == by_cron.revision
    assert [trigger_in_words(rule.trigger) for rule in (in_words, by_cron)] == [f"every {words}", f"every {line}"]


def test_alerts_are_grouped_repeated_and_taken_back() -> None:
    plain, grouped, longer, repeated = steps_of(
        '{ alert = "ops", title = "x" }, { alert = "ops", title = "x", group = true },'
        '{ alert = "ops", title = "x", group = "5m" }, { alert = "ops", title = "x", repeat = "4h", resolves = true }'
    )
    assert isinstance(plain, AlertStep)
    assert (plain.group, plain.repeat, plain.resolves) == (None, None, False)
    assert isinstance(grouped, AlertStep)
    assert grouped.group == MINUTE
    assert isinstance(longer, AlertStep)
    assert longer.group == 5 * MINUTE
    assert isinstance(repeated, AlertStep)
    assert (repeated.repeat, repeated.resolves) == (4 * HOUR, True)


def test_the_other_steps_are_read() -> None:
    found = steps_of(
        '{ retry = "publish", tries = 2 }, { reconcile = "post" }, { pause = "b", for = "30m" }, { resume = "b" },'
        '{ wait = ["cms.acked", "publishing -> failed"], at_most = "24h", else = "late" },'
        '{ wait = "10m" }, { set = { stage = "late {{ post.id }}", old = "" } }',
        '[rule.a.branch]\nlate = [{ alert = "ops", title = "x" }]',
    )
    words = (EventName("cms.acked"), Transition(State.PUBLISHING, State.FAILED))
    assert isinstance(found[0], RetryStep)
    assert found[1:6] == (
        ReconcileStep(), PauseStep("b", 30 * MINUTE), ResumeStep("b"), WaitStep(words, 24 * HOUR, "late"),
        WaitStep((), 10 * MINUTE),
    )  # fmt: skip
    labels = found[6]
    assert isinstance(labels, SetStep)
    told = {**DEFAULTS, "post.id": "p1"}
    assert {name: text(told) for name, text in labels.labels.items()} == {"stage": "late p1", "old": ""}


def test_branches_are_known_by_their_names() -> None:
    alert = '[{ alert = "ops", title = "x" }]'
    rule = rule_of(
        HEAD
        + 'do = [{ retry = "publish" }, { wait = "cms.acked", at_most = "1h", else = "late" }]\n'
        + f"exhausted = {alert}\nresolved = {alert}\n[rule.a.branch]\nlate = {alert}"
    )
    assert set(rule.branches) == {"exhausted", "resolved", "late"}
    assert len(rule.all_steps) == 5


def event_of(head: str, send: str = '{ send = "cms" }') -> str:
    (step,) = rule_of(f"[rule.a]\n{head}\ndo = [{send}]").do
    assert isinstance(step, SendStep)
    return step.event({**DEFAULTS, "event.name": "post.seen"})


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        ('on = "post.published"', "post.published"),
        ('on = "account.disconnected"', "account.disconnected"),
        ('on = ["post.published", "post.failed"]', "post.seen"),
        ('on = "account.*"', "post.seen"),
        ('on = "publishing -> failed"', "post.seen"),
        ('every = "1h"', "digest"),
        ('while = { state = "publishing" }\nfor = "15m"', "rule.a"),
    ],
)
def test_a_message_without_a_name_is_called_after_what_set_the_rule_going(head: str, wanted: str) -> None:
    assert event_of(head) == wanted


def test_a_message_may_have_a_name_and_a_text_of_its_own() -> None:
    (step,) = steps_of('{ send = "cms", event = "late.{{ post.id }}", data = { id = "{{ post.id }}" }, body = "b" }')
    assert isinstance(step, SendStep)
    told = {**DEFAULTS, "post.id": "p1"}
    assert step.event(told) == "late.p1"
    assert step.data is not None
    assert {name: text(told) for name, text in step.data.items()} == {"id": "p1"}
    assert step.body is not None
    assert step.body(told) == "b"


def test_a_message_goes_to_an_endpoint_or_to_a_channel() -> None:
    known = Known(channels={"team"}, endpoints={"cms"}, providers=())
    text = '[rule.a]\nevery = "1h"\ndo = [{ send = "team", body = "x" }, { send = "cms" }]'
    assert load_text(text, "r.toml", known).faults == ()


def test_a_workflow_stands_where_it_is_run() -> None:
    book = loaded(
        '[workflow.tell]\ndo = [{ alert = "ops", title = "x" }, '
        '{ wait = "ops.seen", at_most = "1h", else = "louder" }]\n'
        '[workflow.tell.branch]\nlouder = [{ run = "page" }]\n'
        '[workflow.page]\ndo = [{ alert = "oncall", title = "x" }, '
        '{ wait = "ops.seen", at_most = "5m", else = "call" }]\n'
        '[workflow.page.branch]\ncall = [{ alert = "boss", title = "x", severity = "info" }]\n'
        '[rule.a]\non = "post.failed"\nseverity = "critical"\n'
        'do = [{ reconcile = "post" }, { run = "tell" }, { resume = "b" }]' + OTHER
    )
    rule = next(one for one in book.rules if one.id == "a")
    assert [type(step) for step in rule.do] == [ReconcileStep, AlertStep, WaitStep, ResumeStep]
    assert isinstance(rule.do[2], WaitStep)
    assert rule.do[2].otherwise == "tell.louder"
    assert list(rule.branches) == ["page.call", "tell.louder"]
    paged = rule.branches["tell.louder"][1]
    assert isinstance(paged, WaitStep)
    assert paged.otherwise == "page.call"
    severities = {step.channel: step.severity for step in rule.all_steps if isinstance(step, AlertStep)}
    assert severities == {"ops": "critical", "oncall": "critical", "boss": "info"}


def test_rules_run_workflows_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HEAD + 'do = [{ run = "tell" }, { pause = "b", for = "1h" }]')
    (tmp_path / "b.toml").write_text(OTHER + '[workflow.tell]\ndo = [{ alert = "ops", title = "x" }]')
    book = load_rules(tmp_path)
    assert [str(fault) for fault in book.faults] == []
    assert [len(rule.do) for rule in book.rules] == [2, 1]


def test_labels_and_items_can_be_read_in_conditions_and_texts() -> None:
    rule = rule_of(
        '[rule.a]\nevery = "1h"\nover = { events = "post.failed" }\n'
        "when = 'has(post.labels.stage) && post.labels.stage == \"late\"'\n"
        'do = [{ alert = "ops", title = "{{ run.items.size() }}" }]'
    )
    assert rule.judge({**DEFAULTS, "post.labels": {"stage": "late"}}).kind == "true"
    assert rule.judge(DEFAULTS).kind == "false"
    (step,) = rule.do
    assert isinstance(step, AlertStep)
    assert step.title({**DEFAULTS, "run.items": [{"post_id": "p1", "platforms": ["x"]}]}) == "1"
