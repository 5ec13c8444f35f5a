"""What the parts of a rule, or several rules, must not say together is refused where it stands; what is odd is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracker.rulebook import Known, load_rules, load_text

KNOWN = Known(channels={"ops", "web"}, endpoints={"cms"}, providers={"sosyalkopru"})
ALERT = 'do = [{ alert = "ops", title = "x" }]\n'
ON = '[rule.a]\non = "post.failed"\n'
EVERY = '[rule.a]\nevery = "1h"\n'
WHILE = '[rule.a]\nwhile = { state = "publishing" }\nfor = "15m"\n'
OTHER = '[rule.b]\non = "post.removed"\n' + ALERT


def faults(text: str) -> list[str]:
    return [str(fault).removeprefix("r.toml:") for fault in load_text(text, "r.toml", KNOWN).faults]


def warnings(text: str) -> list[str]:
    book = load_text(text, "r.toml", KNOWN)
    assert [str(fault) for fault in book.faults] == []
    return [str(warning).removeprefix("r.toml:") for warning in book.warnings]


BRANCHES = {
    "a branch nearly right": (
        ON + 'do = [{ wait = "cms.acked", at_most = "1h", else = "escalat" }]\n'
        '[rule.a.branch]\nescalate = [{ reconcile = "post" }]',
        ['3:52: rule.a.do[0].else: there is no branch "escalat" (did you mean "escalate"?)'],
    ),
    "a branch that nobody takes": (
        ON + ALERT + '[rule.a.branch]\nlate = [{ reconcile = "post" }]',
        ['5:1: rule.a.branch.late: is never reached: no step has it as its "else"'],
    ),
    "a branch only of a branch that nobody takes": (
        ON + ALERT + '[rule.a.branch]\nlate = [{ wait = "x.y", at_most = "1h", else = "later" }]\n'
        'later = [{ reconcile = "post" }]',
        [
            '5:1: rule.a.branch.late: is never reached: no step has it as its "else"',
            '6:1: rule.a.branch.later: is never reached: no step has it as its "else"',
        ],
    ),
    "branches that go round": (
        ON + 'do = [{ wait = "x.y", at_most = "1h", else = "one" }]\n[rule.a.branch]\n'
        'one = [{ wait = "x.y", at_most = "1h", else = "two" }]\n'
        'two = [{ wait = "x.y", at_most = "1h", else = "one" }]',
        ["3:46: rule.a.do[0].else: never comes to an end: one -> two -> one"],
    ),
    "trying again after trying was given up": (
        ON + 'do = [{ retry = "publish" }]\nexhausted = [{ wait = "x.y", at_most = "1h", else = "again" }]\n'
        '[rule.a.branch]\nagain = [{ retry = "publish" }]',
        ["4:53: rule.a.exhausted[0].else: never comes to an end: exhausted -> again -> exhausted"],
    ),
    "a retry when it is over": (
        ON + 'do = [{ alert = "ops", title = "x", resolves = true }]\nresolved = [{ retry = "publish" }]',
        ["4:12: rule.a.resolved: cannot retry: it is what happens when what it is about is over"],
    ),
    "a reserved name": (
        ON + ALERT + '[rule.a.branch]\nexhausted = [{ reconcile = "post" }]',
        ['5:1: rule.a.branch.exhausted: is no name for a branch: "exhausted" stands by itself, not under "branch"'],
    ),
}

WORKFLOWS = {
    "a workflow nearly right": (
        ON + 'do = [{ run = "tel" }]\n[workflow.tell]\n' + ALERT,
        ['3:15: rule.a.do[0].run: there is no workflow "tel" in these rules (did you mean "tell"?)'],
    ),
    "one that runs itself": (
        '[workflow.a]\ndo = [{ run = "a" }]',
        ["2:15: workflow.a.do[0].run: never comes to an end: a -> a"],
    ),
    "two that run one another": (
        '[workflow.a]\ndo = [{ run = "b" }]\n[workflow.b]\ndo = [{ reconcile = "post" }, { run = "a" }]',
        [
            "2:15: workflow.a.do[0].run: never comes to an end: a -> b -> a",
            "4:39: workflow.b.do[1].run: never comes to an end: b -> a -> b",
        ],
    ),
    "one that grows beyond measure": (
        '[workflow.a]\ndo = [{ run = "b" }, { run = "b" }, { run = "b" }, { run = "b" }, { run = "b" }]\n'
        '[workflow.b]\ndo = [' + '{ reconcile = "post" },' * 20 + "]\n" + ON + 'do = [{ run = "a" }]',
        ['7:15: rule.a.do[0].run: "a" comes to 105 steps in all; 100 are allowed'],
    ),
    "a fault of its own, told once": (
        '[workflow.tell]\ndo = [{ alert = "opps", title = "x" }, { wait = "x.y", at_most = "1h", else = "late" }]\n'
        + ON + 'do = [{ run = "tell" }, { run = "tell" }]',
        ['2:17: workflow.tell.do[0].alert: there is no channel "opps" in the configuration (did you mean "ops"?)'],
    ),
    "a branch of its own that is missing": (
        '[workflow.tell]\ndo = [{ wait = "x.y", at_most = "1h", else = "late" }]\n' + ON + 'do = [{ run = "tell" }]',
        ['2:46: workflow.tell.do[0].else: there is no branch "late"'],
    ),
    "a key of a rule": (
        '[workflow.tell]\nwhen = "true"\n' + ALERT,
        ["2:1: workflow.tell.when: a workflow has no such key (there are do, branch)"],
    ),
    "a workflow that pauses the rule that runs it": (
        '[workflow.hush]\ndo = [{ pause = "a", for = "1h" }]\n' + ON + 'do = [{ run = "hush" }]',
        ['5:15: rule.a.do[0].run: "hush" would pause or resume the very rule that runs it'],
    ),
}  # fmt: skip

NAMES = {
    "a pause of another name": (
        ON + 'do = [{ pause = "bb", for = "1h" }]\n' + OTHER,
        ['3:17: rule.a.do[0].pause: there is no rule "bb" (did you mean "b"?)'],
    ),
    "muting what is not there": (
        WHILE + 'mutes = ["b", "c"]\n' + ALERT + OTHER,
        ['4:15: rule.a.mutes[1]: there is no rule "c"'],
    ),
    "a pause of itself": (
        ON + 'do = [{ pause = "a", for = "1h" }]',
        ['3:17: rule.a.do[0].pause: a rule cannot pause itself: "once" keeps it from firing again too soon'],
    ),
    "muting itself": (WHILE + 'mutes = "a"\n' + ALERT, ["4:9: rule.a.mutes: a rule cannot mute itself"]),
    "resuming itself": (
        ON + 'do = [{ resume = "a" }]',
        ["3:18: rule.a.do[0].resume: a rule cannot resume itself: while it is paused, it does not run"],
    ),
}

CLOCK = {
    "what only a post can have": (
        EVERY + 'cancel_on = "post.removed"\nonce = "1h"\ncount = "> 5 in 10m"\n' + ALERT,
        [
            '3:13: rule.a.cancel_on: does not go with "every": its runs are about no post',
            '4:8: rule.a.once: does not go with "every": the clock says how often',
            '5:9: rule.a.count: does not go with "every": the clock comes once at a time',
        ],
    ),
    "steps about a post": (
        EVERY + 'do = [{ reconcile = "post" }, { set = { a = "b" } }]',
        [
            '3:21: rule.a.do[0].reconcile: does not go with "every": its runs are about no post',
            '3:39: rule.a.do[1].set: does not go with "every": its runs are about no post',
        ],
    ),
    "an alert that would end": (
        EVERY + 'do = [{ alert = "ops", title = "x", resolves = true }, { alert = "ops", title = "x", repeat = "1h" }]',
        [
            '3:48: rule.a.do[0].resolves: does not go with "every": a time of the clock is never over',
            '3:95: rule.a.do[1].repeat: does not go with "every": a time of the clock is never over',
        ],
    ),
    "a condition about nothing": (
        EVERY + "when = 'post.attempt > 3'\nmatch = { platform = \"x\" }\n" + ALERT,
        [
            '3:8: rule.a.when: goes with "over" here: without it a rule by the clock looks at no post',
            '4:9: rule.a.match: goes with "over" here: without it a rule by the clock looks at no post',
        ],
    ),
    "a state beside what is gathered": (
        EVERY + 'over = { events = "post.failed" }\nmatch = { state = "failed" }\n' + ALERT,
        ['4:19: rule.a.match.state: does not go with "every": name the state in "over"'],
    ),
}

ENDS = {
    "a count of what lasts": (
        WHILE + 'count = "> 5 in 10m"\n' + ALERT,
        ['4:9: rule.a.count: goes with "on": what lasts or is missing happens once'],
    ),
    "a count of what is missing": (
        '[rule.a]\nexpect = "post.publishing"\nwithin = "1h"\nof = "post.scheduled_at"\ncount = "> 5 in 10m"\n' + ALERT,
        ['5:9: rule.a.count: goes with "on": what lasts or is missing happens once'],
    ),
    "an end of what has none": (
        '[rule.a]\non = "account.disconnected"\ndo = [{ alert = "ops", title = "x", resolves = true }]',
        ['2:6: rule.a.on: an alert that resolves needs a state that can be left, as "post.failed"'],
    ),
    "a repetition without end": (
        '[rule.a]\non = "account.disconnected"\ndo = [{ alert = "ops", title = "x", repeat = "4h" }]',
        ['3:46: rule.a.do[0].repeat: an alert that is repeated needs an end: a state that can be left, or "cancel_on"'],
    ),
    "an end of what is no trouble of a whole account": (
        (
            '[rule.a]\non = "post.published"\nper = "account"\ndo = [{ alert = "ops", title = "x" }]\n'
            'resolved = [{ alert = "ops", title = "y" }]'
        ),
        [
            (
                '3:7: rule.a.per: "resolved" concerns a post or a target, not a whole account: what posts share is out'
                ' of trouble when the next is published (on = "post.failed"), and an account also when it is connected'
                ' again (on = "account.expired")'
            )
        ],
    ),
    "what is expected of a whole account after something": (
        '[rule.a]\non = "post.failed"\nexpect = "post.removed"\nwithin = "1h"\nper = "account"\n' + ALERT,
        [
            '2:6: rule.a.on: does not go with per = "account": it waits for the next, each time that one is published',
            '3:10: rule.a.expect: of what is counted per account it can only be "post.published": that the next one is',
        ],
    ),
    "an account that is watched by rules of posts": (
        '[rule.a]\nwhile = { account = "expired" }\nfor = "1h"\n' + ALERT,
        ['2:21: rule.a.while.account: goes with per = "account"'],
    ),
    "a post and an account that are watched": (
        '[rule.a]\nwhile = { state = "failed", account = "expired" }\nfor = "1h"\nper = "account"\n' + ALERT,
        [
            (
                '2:19: rule.a.while.state: does not go with "account": one is how a post stands, the other how an'
                " account does"
            )
        ],
    ),
    "a label on a whole account": (
        ON + 'per = "account"\ndo = [{ set = { a = "b" } }]',
        ["3:7: rule.a.per: a label concerns a post or a target, not a whole account"],
    ),
    "a watch on a whole account": (
        WHILE + 'per = "account"\n' + ALERT,
        [
            (
                '4:7: rule.a.per: "while" waits for a post or a target, not for a whole account: write'
                ' while = { account = ["expired", "disconnected"] }'
            )
        ],
    ),
    "a wait for what ends the run": (
        ON + 'cancel_on = "post.removed"\ndo = [{ wait = ["post.removed", "x.y"] }]',
        ['4:16: rule.a.do[0].wait: is never heard: the same word stands in "cancel_on", which ends the run'],
    ),
}

TURNS = {
    "a mode of what gathers": (
        ON + 'debounce = "10m"\nmode = "queued"\n' + ALERT,
        [
            (
                '4:8: rule.a.mode: does not go with "debounce": what comes while it waits is taken in, and what'
                " comes later begins anew"
            ),
        ],
    ),
    "once and a count of what gathers": (
        ON + 'debounce = "10m max 1h"\nonce = "1h"\ncount = "> 2 in 1h"\n' + ALERT,
        [
            '4:8: rule.a.once: does not go with "debounce": what comes after the first would be left out',
            '5:9: rule.a.count: does not go with "debounce": what is only counted would not be waited for',
        ],
    ),
    "two ways to put off": (
        ON + 'debounce = "10m"\nthrottle = "2 per hour"\n' + ALERT,
        [
            (
                '4:12: rule.a.throttle: does not go with "debounce": each thing begins by itself, when no more'
                " of it comes"
            ),
        ],
    ),
    "gathering of what lasts": (
        WHILE + 'debounce = "10m"\n' + ALERT,
        [
            '4:12: rule.a.debounce: goes with "on", which this rule does not have',
        ],
    ),
    "gathering of what is missing": (
        ON + 'expect = "post.published"\nwithin = "1h"\ndebounce = "10m"\n' + ALERT,
        [
            '5:12: rule.a.debounce: goes with "on" alone: what lasts or is missing happens once',
        ],
    ),
    "a queue in a queue": (
        ON + 'throttle = "20 per 1m"\nmode = "queued"\n' + ALERT,
        [
            '4:8: rule.a.mode: "queued" does not go with "throttle", which queues by itself: leave it out',
        ],
    ),
    "a clock that is throttled": (
        EVERY + 'throttle = "20 per 1m"\n' + ALERT,
        [
            '3:12: rule.a.throttle: does not go with "every": the clock comes once at a time',
        ],
    ),
    "a longest wait that is the shorter": (
        ON + 'debounce = "1h max 10m"\n' + ALERT,
        [
            (
                '3:12: rule.a.debounce: "1h max 10m": the longest wait in all is shorter than one, write it as'
                ' in "10m max 1h"'
            ),
        ],
    ),
    "no rate": (
        ON + 'throttle = "20 per minutes"\n' + ALERT,
        [
            (
                '3:12: rule.a.throttle: "minutes" is not a duration: write a number and a unit (ms, s, m, h, d,'
                ' w), as in "90s", "15m", "2d" or "1h30m"'
            ),
        ],
    ),
    "items where nothing is gathered": (
        ON + 'throttle = "20 per 1m"\ndo = [{ alert = "ops", title = "{{ run.since }}" }]',
        [
            (
                "4:36: rule.a.do[0].title: run.since is always empty here: only a rule with every or debounce"
                " gathers since a moment"
            ),
        ],
    ),
}

RETRIES = {
    name: (head + 'do = [{ retry = "publish" }]', [f"{place}: {wrong}"])
    for name, head, place, state in (
        ("of what a retry leads to", '[rule.a]\non = "post.publishing"\n', "3:17", "publishing"),
        ("of what is being retried", '[rule.a]\non = "failed -> retrying"\n', "3:17", "retrying"),
        ("of everything", '[rule.a]\non = "post.*"\n', "3:17", "retrying"),
        ("of any transition", '[rule.a]\non = "* -> *"\n', "3:17", "retrying"),
        ("of what has been published", '[rule.a]\non = "post.published"\n', "3:17", "published"),
        ("of what hangs", WHILE, "4:17", "publishing"),
        (
            "of what did not end in time",
            '[rule.a]\non = "post.publishing"\nexpect = "post.published"\nwithin = "1h"\n', "5:17", "publishing",
        ),
    )
    if (wrong := f'rule.a.do[0].retry: starts itself again without end: it leads to "post.{state}"'
                 ' (or let "when" bound post.attempt)')
}  # fmt: skip


def cases(*tables: dict[str, tuple[str, list[str]]]) -> pytest.MarkDecorator:
    rows = [pytest.param(text, wanted, id=name) for table in tables for name, (text, wanted) in table.items()]
    return pytest.mark.parametrize(("text", "wanted"), rows)


@cases(BRANCHES, WORKFLOWS, NAMES, CLOCK, ENDS, TURNS, RETRIES)
def test_what_does_not_go_together_is_refused_where_it_stands(text: str, wanted: list[str]) -> None:
    assert faults(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        '[rule.a]\non = "post.publishing"\nwhen = \'post.attempt < 3\'\ndo = [{ retry = "publish" }]',
        ON + 'do = [{ retry = "publish" }]',
        '[rule.a]\non = ["post.failed", "post.partial"]\ndo = [{ retry = "publish" }]',
        '[rule.a]\nexpect = "post.published"\nwithin = "1h"\nof = "post.scheduled_at"\ndo = [{ retry = "publish" }]',
        '[rule.a]\non = "a.lost"\ncancel_on = "a.back"\ndo = [{ alert = "ops", title = "x", repeat = "4h" }]',
        EVERY + 'over = { events = "post.failed" }\nwhen = "error.retryable"\nmatch = { platform = "x" }\n' + ALERT,
    ],
)
def test_what_comes_to_an_end_is_not_refused(text: str) -> None:
    assert faults(text) == []


def test_runs_side_by_side_do_not_retry() -> None:
    assert faults(ON + 'mode = "parallel"\ndo = [{ retry = "publish" }]') == [
        "3:8: rule.a.mode: runs side by side would retry the same post twice"
    ]


ODD = {
    "quiet hours of nobody": (
        ON + 'quiet = "22:00-08:00 UTC"\ndo = [{ reconcile = "post" }]',
        ["3:9: rule.a.quiet: holds alerts, and this rule has none"],
    ),
    "quiet hours for what they do not hold": (
        ON + 'quiet = "22:00-08:00 UTC"\nseverity = "critical"\n' + ALERT,
        ["3:9: rule.a.quiet: holds nothing: all alerts of the rule are critical, which are told at any hour"],
    ),
    "muting for no time": (
        ON + 'mutes = "b"\n' + ALERT + OTHER,
        ["3:9: rule.a.mutes: mutes nothing: the rule's runs end at once"],
    ),
    "a state that it never is": (
        ON + 'match = { state = "published" }\n' + ALERT,
        ["3:9: rule.a.match: never holds: the state is then failed"],
    ),
    "two that retry the same": (
        ON + 'match = { platform = "x" }\ndo = [{ retry = "publish" }]\n'
        '[rule.b]\non = ["post.partial", "post.failed"]\ndo = [{ retry = "publish" }]',
        ['5: rule.b: may retry the same post as "a": let "match" tell them apart, or let one pause the other'],
    ),
}


@cases(ODD)
def test_what_is_odd_is_told_but_not_refused(text: str, wanted: list[str]) -> None:
    assert warnings(text) == wanted


@pytest.mark.parametrize(
    "other",
    [
        'on = "post.failed"\nmatch = { platform = "youtube" }',
        'on = "post.partial"\nmatch = { platform = "x" }',
        'on = "post.failed"\nmatch = { platform = "x" }\nenabled = false',
    ],
)
def test_two_that_retry_different_posts_are_nobodys_business(other: str) -> None:
    text = ON + f'match = {{ platform = "x" }}\ndo = [{{ retry = "publish" }}]\n[rule.b]\n{other}\n'
    assert warnings(text + 'do = [{ retry = "publish" }]') == []


def test_names_are_looked_for_in_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(ON + 'do = [{ pause = "b", for = "1h" }, { resume = "c" }]')
    (tmp_path / "b.toml").write_text(OTHER)
    (fault,) = load_rules(tmp_path, KNOWN).faults
    assert str(fault) == f'{tmp_path}/a.toml:3:47: rule.a.do[1].resume: there is no rule "c"'


def test_workflows_of_the_same_name_in_two_files_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text("[workflow.tell]\n" + ALERT)
    (fault,) = load_rules(tmp_path, KNOWN).faults
    assert str(fault).endswith(
        f"b.toml:1:2: workflow.tell: there is a workflow of that name already: {tmp_path}/a.toml:1"
    )
