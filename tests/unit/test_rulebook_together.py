"""Tests of several rules, of moments, labels and accounts, and of messages as people get them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tracker.rulebook import Known, load_text, rule_simulation
from tracker.rulebook.test_runner import Outcome, junit, run_tests

KNOWN = Known(channels={"ops", "boss"}, endpoints={"cms"}, providers={"sosyalkopru"})
EACH = """
[rule.each]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]
"""
STORM = """
[rule.storm]
on    = "post.failed"
per   = "provider"
count = ">= 3 in 10m"
mutes = ["each"]
do    = [{ alert = "boss", title = "it storms" }, { wait = "storm.over", at_most = "1h" }]
"""
RETRY = """
[rule.retry]
on = "post.failed"
do = [{ retry = "publish", backoff = "5m" }]
"""
TOKEN = """
[rule.token]
on  = "account.token_expired"
per = "account"
do  = [{ pause = "retry", for = "1h" }, { wait = "account.connected" }, { resume = "retry" }]
"""
TIER = """
[rule.tier]
on   = "post.scheduled"
do   = [{ set = { tier = "vip" } }]

[rule.vip]
on   = "post.failed"
when = "has(post.labels.tier) && post.labels.tier == 'vip'"
do   = [{ alert = "boss", title = "{{ post.id }}: {{ post.labels.tier }}" }]
"""


def written(rules: str, timeline: str, more: str) -> str:
    lines = timeline.replace("; ", "\n")
    return f"{rules}[[test]]\n{more}\ntimeline = '''\n{lines}\n'''\n"


def played(rules: str, timeline: str, more: str) -> Outcome:
    book = load_text(written(rules, timeline, more), "r.toml", KNOWN)
    assert [str(fault) for fault in book.faults] == []
    (outcome,) = run_tests(book.tests, book.rules)
    return outcome


def wrong(rules: str, timeline: str, more: str) -> str:
    return played(rules, timeline, more).wrong


def faults(rules: str, timeline: str, more: str) -> list[str]:
    return [str(fault) for fault in load_text(written(rules, timeline, more), "r.toml", KNOWN).faults]


FAILURES = "0s > post.failed; 0s < alert ops; 1m > post.failed post=p2; 1m < alert ops; 2m > post.failed post=p3"


def test_what_is_muted_by_another_rule_reaches_nobody() -> None:
    both = 'rules = ["each", "storm"]'
    muted = f"{FAILURES}; 2m < alert boss; 3m > post.failed post=p4"
    assert wrong(EACH + STORM, f"{muted}; 3m ! alert ops title=p4", both) == ""
    told = wrong(EACH + STORM, f"{muted}; 3m < alert ops title=p4", both)
    assert 'alert ops at 3m rule=each title="p4 failed" hidden="muted by storm"' in told
    assert not played(EACH, "3m > post.failed post=p4; 3m ! alert ops title=p4", 'rule = "each"').passed


def test_a_rule_that_another_one_pauses_does_nothing_until_it_goes_on() -> None:
    """And goes on with a retry that waits, when it is resumed."""
    given = 'rules = ["token", "retry"]\ngiven = { post = "p1", platform = "x", account = "a" }'
    held = "0s > account.token_expired; 0s < pause retry; 1m > post.failed; 30m ! retry"
    assert wrong(TOKEN + RETRY, held, given) == ""
    assert not played(TOKEN + RETRY, held.replace("0s > account.token_expired; 0s < pause retry; ", ""), given).passed
    assert wrong(TOKEN + RETRY, f"{held}; 40m > account.connected; 40m < resume retry", given) == ""
    other = held.replace("token_expired", "token_expired account=b").replace("30m ! retry", "6m < retry")
    assert wrong(TOKEN + RETRY, other, given) == ""


def test_a_label_that_one_rule_sets_is_read_by_another() -> None:
    both = "0s > post.scheduled; 0s < set p1; 1m > post.failed; 1m < alert boss title=vip"
    assert wrong(TIER, both, 'rules = ["tier", "vip"]') == ""
    assert wrong(TIER, both, 'rules = "*"') == ""
    assert not played(TIER, both.replace("0s < set p1; ", ""), 'rule = "vip"').passed


def test_labels_and_attributes_are_given_or_told() -> None:
    failed = "0s > post.failed; 0s < alert boss title=vip"
    assert wrong(TIER, failed, 'rule = "vip"\ngiven = { labels = { tier = "vip" } }') == ""
    assert wrong(TIER, failed.replace("failed", "failed labels.tier=vip", 1), 'rule = "vip"') == ""
    campaign = EACH.replace("{{ post.id }}", "{{ post.attributes.campaign }}").replace(
        "do =", "when = 'has(post.attributes.campaign)'\ndo ="
    )
    told = "0s > post.failed attributes.campaign=spring; 0s < alert ops title='spring failed'"
    assert wrong(campaign, told, 'rule = "each"') == ""
    given = 'rule = "each"\ngiven = { attributes = { campaign = "spring" } }'
    assert wrong(campaign, told.replace(" attributes.campaign=spring", ""), given) == ""


def test_a_label_that_was_given_can_be_changed() -> None:
    """It is the post's from the beginning, and not put back by each fact."""
    rules = TIER.replace('"vip" } }]', '"plain" } }]', 1)
    timeline = "0s > post.scheduled; 1m > post.failed; 1m ! alert boss"
    assert wrong(rules, timeline, 'rules = "*"\ngiven = { labels = { tier = "vip" } }') == ""


def test_accounts_are_told_by_what_is_given() -> None:
    rule = """
[rule.lost]
on  = "account.token_expired"
per = "account"
do  = [{ alert = "ops", title = "{{ account.platform }} {{ account.id }} {{ account.name }}" }]
"""
    given = 'rule = "lost"\ngiven = { post = "p1", platform = "x", account = "a", "account.name" = "Ada" }'
    assert wrong(rule, "0s > account.token_expired; 0s < alert ops title='x a Ada'", given) == ""


NIGHTLY = """
[rule.nightly]
every = "day 03:30 Europe/Istanbul"
do    = [{ alert = "ops", title = "good night" }]

[rule.spring]
every = "day 02:30 Europe/Berlin"
do    = [{ alert = "boss", title = "early" }]
"""


@pytest.mark.parametrize(
    ("starts", "timeline"),
    [
        ("2026-03-28 23:30 Europe/Istanbul", "4h < alert ops; 28h < alert ops"),
        ("2026-03-29 01:30 Europe/Berlin", "30m < alert boss; 23h59m ! alert boss"),
        ("2026-10-25 01:30 Europe/Berlin", "1h < alert boss; 25h59m ! alert boss"),
        ("2026-02-28 03:30 UTC", "21h < alert ops"),
    ],
)
def test_a_timeline_begins_when_it_says(starts: str, timeline: str) -> None:
    assert wrong(NIGHTLY, timeline, f'rules = "*"\nstarts = "{starts}"') == ""


IMPOSSIBLE = {
    "no day": ("2026-02-30 09:00 UTC", '"2026-02-30" is no day of the calendar'),
    "no time": ("2026-02-28 25:00 UTC", '"25:00" is no time of day'),
    "no zone": ("2026-02-28 09:00", "write a day, a time and a zone"),
    "a zone nearly right": ("2026-02-28 09:00 Europe/Istambul", 'did you mean "Europe/Istanbul"'),
    "left out by the clocks": ("2026-03-29 02:30 Europe/Berlin", "the clocks go forward over it"),
    "the end of all years": ("9999-12-31 23:59 UTC", "too far away: write a year from 1990 to 2100"),
    "before all years": ("0001-01-01 00:00 Asia/Tokyo", "too far away"),
    "a folder": ("2026-02-28 09:00 ../../etc/passwd", "is no time zone"),
    "nothing": ("", "must be a text in quotes"),
}


def beginning(starts: str) -> str:
    return written(EACH, "0s > post.failed; 0s < alert", f'rule = "each"\nstarts = "{starts}"')


@pytest.mark.parametrize(("starts", "fault"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_a_beginning_that_cannot_be_is_refused(starts: str, fault: str) -> None:
    (found,) = (str(fault) for fault in load_text(beginning(starts), "r.toml", KNOWN).faults)
    assert found.startswith("r.toml:7:10: test[0].starts: ")
    assert fault in found


def test_a_test_that_never_comes_to_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_simulation, "MOST_MOMENTS", 1000)
    rule = '[rule.often]\nevery = "10s"\ndo = [{ alert = "ops", title = "x" }]\n'
    outcome = played(rule, "20000d ! alert boss".replace(" boss", " ops title=y"), 'rule = "often"')
    assert outcome.wrong == "timers come more than 1000 times: let the test end sooner"


GROUPED = EACH.replace('failed" }', 'failed", group = "5m" }')


def test_alerts_of_a_group_come_as_one_message_when_the_first_is_due() -> None:
    facts = "0s > post.failed; 1m > post.failed post=p2"
    one = f"{facts}; 5m < alert ops title='p1 failed'; 1h ! alert ops"
    assert wrong(GROUPED, one, 'rule = "each"') == ""
    assert wrong(GROUPED, one.replace("p1 failed", "p2 failed"), 'rule = "each"') == ""
    two = wrong(GROUPED, f"{facts}; 5m < alert ops; 6m < alert ops", 'rule = "each"')
    assert two.endswith('all that was done is demanded above: alert ops at 5m title="p1 failed" others="["p2 failed"]"')


def test_what_comes_after_the_message_is_out_is_another() -> None:
    timeline = "0s > post.failed; 5m < alert ops; 5m > post.failed post=p2; 10m < alert ops title=p2; 1h ! alert ops"
    assert wrong(GROUPED, timeline, 'rule = "each"') == ""


def test_an_alert_that_is_taken_back_before_it_is_due_reaches_nobody() -> None:
    """Nor does its end: who has not heard of it need not hear that it is over."""
    rule = """
[rule.stuck]
while = { state = "publishing" }
for   = "10m"
do    = [{ alert = "ops", title = "{{ post.id }} hangs", group = "5m", resolves = true }]
"""
    timeline = "0s > post.publishing; 12m > post.published; 1h ! alert"
    assert wrong(rule, timeline, 'rule = "stuck"') == ""
    late = "0s > post.publishing; 15m < alert ops; 16m > post.published; 16m < alert ops resolved=true; 1h ! alert"
    assert wrong(rule, late, 'rule = "stuck"') == ""


def test_a_demand_may_say_which_rule_it_is_about() -> None:
    both = EACH + EACH.replace("rule.each", "rule.other")
    timeline = "0s > post.failed; 0s < alert ops rule=other; 0s < alert ops rule=each; 1h ! alert"
    assert wrong(both, timeline, 'rules = ["each", "other"]') == ""
    assert not played(both, timeline.replace("rule=each", "rule=other"), 'rules = ["each", "other"]').passed


def test_a_rule_that_is_off_takes_no_part_unless_it_is_named() -> None:
    off = EACH + "enabled = false\n" + STORM
    assert wrong(off, "0s > post.failed; 1h ! alert ops", 'rules = "*"') == ""
    assert not played(off, "0s > post.failed; 1h ! alert ops", 'rules = ["each", "storm"]').passed


MISTAKES = {
    "neither": (EACH, "0s > post.failed; 0s < alert", 'name = "x"', 'needs either a "rule" or "rules"'),
    "both": (EACH, "0s < alert", 'rule = "each"\nrules = ["each"]', 'needs either a "rule" or "rules"'),
    "a rule that is none": (
        EACH, "0s > post.failed; 0s < alert", 'rules = ["each", "eech"]',
        'r.toml:6:18: test[0].rules[1]: there is no rule "eech" (did you mean "each"?)',
    ),
    "all and one": (EACH, "0s < alert", 'rules = ["*", "each"]', '"*" is every rule'),
    "a channel of none of them": (
        EACH + STORM, "0s > post.failed; 0s ! alert web", 'rules = "*"',
        'no rule of the test has a step alert = "web" (they name boss, ops)',
    ),
    "a rule of none of them": (
        EACH + STORM, "0s > post.failed; 0s ! alert rule=stom", 'rules = "*"',
        'rule: there is no rule of the test "stom" (did you mean "storm"?)',
    ),
    "a post of which nothing is told": (
        EACH, "0s > post.failed; 0s ! alert post=p2", 'rule = "each"',
        'post: there is no post in this timeline "p2" (there is p1)',
    ),
    "another post's label": (TIER, "0s > post.scheduled; 0s ! set p2", 'rule = "tier"', "to: there is no post in this"),
    "a provider that tells nothing": (
        RETRY, "0s > post.failed; 1h ! retry sosyalkopro", 'rule = "retry"', 'did you mean "sosyalkopru"?',
    ),
    "a target on no platform": (
        EACH, "0s > post.failed; 0s ! alert target=instagran:a", 'rule = "each"', 'did you mean "instagram"?',
    ),
    "a label without a name": (
        TIER, "0s > post.failed labels.=vip; 0s < alert", 'rule = "vip"', '"" is no name of labels',
    ),
    "labels that are a text": (
        TIER, "0s > post.failed; 0s < alert", 'rule = "vip"\ngiven = { labels = "vip" }', "must be a table",
    ),
    "a label that is a list": (
        TIER, "0s > post.failed; 0s < alert", 'rule = "vip"\ngiven = { labels = { tier = ["vip"] } }',
        "test[0].given.labels.tier: must be a text, a number or a flag",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "timeline", "more", "fault"), MISTAKES.values(), ids=MISTAKES.keys())
def test_what_could_never_fail_is_refused(rules: str, timeline: str, more: str, fault: str) -> None:
    found = faults(rules, timeline, more)
    assert any(fault in one for one in found), found


def test_a_failure_tells_whose_message_it_was() -> None:
    outcome = played(EACH + STORM, "0s > post.failed; 0s < alert boss", 'rules = ["each", "storm"]')
    assert [one["rule"] for one in outcome.what_was_done] == ["each"]
    case = ET.fromstring(junit([outcome]).encode()).find("testsuite/testcase")  # noqa: S314  (our own)
    assert case is not None
    assert case.get("classname") == "each, storm"
