"""A faulty rule file is refused with file, line, column, key and the nearest right word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracker.rulebook import Known, load_rules, load_text

KNOWN = Known(channels={"ops", "web"}, endpoints={"cms"}, providers={"sosyalkopru"})
HEAD = '[rule.a]\non = "post.failed"\n'
DO = 'do = [{ alert = "ops", title = "x" }]\n'
ALERT = HEAD + 'do = [{ alert = "ops", title = "x" }]\n'
TEST = ALERT + '[[test]]\nrule = "a"\n'


def faults(text: str) -> list[str]:
    return [str(fault) for fault in load_text(text, "r.toml", KNOWN).faults]


KEYS = {
    "a key that is nearly right": (
        ALERT + 'cancle_on = "post.published"',
        ['r.toml:4:1: rule.a.cancle_on: a rule has no such key (did you mean "cancel_on"?)'],
    ),
    "a count and a rate that are none": (
        ALERT + 'count = "5 in 10m"\nbudget = "50 an hour"',
        [
            (
                'r.toml:4:9: rule.a.count: "5 in 10m" is not a count: write it as in "> 5 in 10m", "3 in a row" or'
                ' "> 20% of post.publishing in 1h, at least 20"'
            ),
            (
                'r.toml:5:10: rule.a.budget: "50 an hour" is not a rate: write how many times in what span,'
                ' as in "600 in 1h" or "50 per hour"'
            ),
        ],
    ),
    "quiet hours in no zone": (
        ALERT + 'quiet = "22:00-08:00 Europe/Istambul"',
        ['r.toml:4:9: rule.a.quiet: "Europe/Istambul" is no time zone (did you mean "Europe/Istanbul"?)'],
    ),
    "quiet hours without an end": (
        ALERT + 'quiet = ["08:00-20:00 UTC", "20:00-08:00 UTC"]',
        [
            (
                "r.toml:4:9: rule.a.quiet: is never over, so nobody would be told: leave out hours, or write"
                ' "enabled = false"'
            )
        ],
    ),
    "a row of successes": (
        '[rule.a]\non = ["post.failed", "post.published"]\ncount = "3 in a row"\n' + DO,
        ['r.toml:3:9: rule.a.count: "post.published" begins a row anew, so it cannot be what is counted in one'],
    ),
    "a share of few": (
        ALERT + 'per = "platform"\ncount = "> 20% of post.publishing in 1h"',
        [
            (
                'r.toml:5:9: rule.a.count: "> 20% of post.publishing in 1h": of few, each is a large share: say of how'
                ' many at least, as in "> 20% of post.publishing in 1h, at least 20"'
            )
        ],
    ),
    "a share of everything": (
        ALERT + 'per = "platform"\ncount = "> 20% of post.* in 1h, at least 20"',
        [
            (
                'r.toml:5:9: rule.a.count: "post.*": a share is of one state or event, as in "> 20% of post.publishing'
                ' in 1h, at least 20"'
            )
        ],
    ),
    "more than all": (
        ALERT + 'per = "platform"\ncount = "> 120% of post.publishing in 1h, at least 20"',
        ['r.toml:5:9: rule.a.count: "> 120% of post.publishing in 1h, at least 20": a share is of 1% to 100%'],
    ),
    "a share of itself, and of one post": (
        ALERT + 'count = "> 20% of post.failed in 1h, at least 20"',
        [
            (
                "r.toml:4:9: rule.a.count: a share is of many posts, and the rule counts by post: write per ="
                ' "account", "platform", "provider" or an attribute'
            ),
            'r.toml:4:9: rule.a.count: "post.failed" is what is counted itself: name what it is a share of',
        ],
    ),
    "a mode nearly right": (
        ALERT + 'mode = "paralel"',
        [
            (
                'r.toml:4:8: rule.a.mode: "paralel" is none of "single", "restart", "queued", "parallel"'
                ' (did you mean "parallel"?)'
            )
        ],
    ),
    "a table of another name": (
        ALERT + "[rules.b]",
        ['r.toml:4:2: rules: a rule file has no such key (did you mean "rule"?)'],
    ),
    "a name that cannot be written everywhere": (
        '[rule."A b"]\non = "post.failed"\n' + DO,
        ['r.toml:1:2: rule."A b": a rule\'s name is made of a–z, 0–9, - and _, and is at most 64 characters long'],
    ),
    "a flag in quotes": (
        ALERT + 'enabled = "no"',
        ['r.toml:4:11: rule.a.enabled: must be true or false, but it is "no"'],
    ),
    "an unknown severity": (
        ALERT + 'severity = "critcal"',
        ['r.toml:4:12: rule.a.severity: "critcal" is none of "info", "warning", "critical" (did you mean "critical"?)'],
    ),
    "not TOML": ("[rule.a]\non =\n", ['r.toml:2:5: is not TOML: Invalid value: nothing stands after "="']),
    "a key given twice": (
        ALERT + 'on = "post.x"',
        ["r.toml:4:1: is not TOML: the key on stands twice in this table: remove one of the two"],
    ),
}

TRIGGERS = {
    "none": (
        "[rule.a]\n" + DO,
        ["r.toml:1:2: rule.a: has no trigger: on, while … for, before … of … while, expect … within, or every"],
    ),
    "ahead of nothing": (
        '[rule.a]\nbefore = "15m"\n' + DO,
        [
            'r.toml:2:10: rule.a.before: needs "of": of = "post.scheduled_at"',
            'r.toml:2:10: rule.a.before: needs "while": while = { state = "awaiting_approval" }',
        ],
    ),
    "ahead of what nobody knows": (
        '[rule.a]\nbefore = "15m"\nof = "post.failed_at"\nwhile = { state = ["draft", "removed"] }\nfor = "1h"\n' + DO,
        [
            'r.toml:3:6: rule.a.of: nobody knows "post.failed_at" before it has come: write "post.scheduled_at"',
            'r.toml:4:9: rule.a.while: nothing is to come of a post that is "removed"',
            'r.toml:5:7: rule.a.for: does not go with "before", which looks at one moment',
        ],
    ),
    "a time that nothing counts from": (
        '[rule.a]\nwhile = { state = "draft" }\nfor = "1h"\nof = "post.scheduled_at"\n' + DO,
        ['r.toml:4:6: rule.a.of: goes with "expect" or "before", of which this rule has none'],
    ),
    "a time of the clock in words of one's own": (
        '[rule.a]\nevery = "workdays 09:00 Europe/Istanbul"\n' + DO,
        [
            (
                'r.toml:2:9: rule.a.every: "workdays" is no day (did you mean "weekdays"?); known: day, daily,'
                " weekdays, weekends, monday, tuesday, wednesday, thursday, friday, saturday, sunday"
            )
        ],
    ),
    "a cron line without its zone": (
        '[rule.a]\nevery = "0 9 * * 1-5"\n' + DO,
        [
            (
                'r.toml:2:9: rule.a.every: "0 9 * * 1-5": a cron line has its zone behind it, as in "0 9 * * 1-5'
                ' Europe/Istanbul"'
            )
        ],
    ),
    "a cron line that never comes": (
        '[rule.a]\nevery = "0 9 30 2 * UTC"\n' + DO,
        ['r.toml:2:9: rule.a.every: "0 9 30 2 *" never comes: no month of the line has that many days'],
    ),
    "a digest of nothing": (
        '[rule.a]\nevery = "1h"\nover = { event = "post.failed", since = "yesterday" }\n' + DO,
        [
            (
                'r.toml:3:8: rule.a.over: needs "events", "state" or "due": over = { events = ["post.published"],'
                ' since = "last-run" }, or over = { state = "failed", older = "1d" }'
            ),
            'r.toml:3:10: rule.a.over.event: over has no such key (did you mean "events"?)',
            'r.toml:3:41: rule.a.over.since: "yesterday" is not for "since": write "last-run"',
            'r.toml:3:41: rule.a.over.since: goes with "events", which this "over" does not have',
        ],
    ),
    "what happens and what stands in one list": (
        '[rule.a]\nevery = "1h"\nover = { events = "post.failed", state = "failed", due = "1d" }\n' + DO,
        [
            (
                'r.toml:3:42: rule.a.over.state: does not go with "events": one gathers what happens, the other lists'
                " how posts stand"
            ),
            (
                'r.toml:3:58: rule.a.over.due: does not go with "events": one gathers what happens, the other lists how'
                " posts stand"
            ),
        ],
    ),
    "what is to come and has failed": (
        '[rule.a]\nevery = "1h"\nover = { state = "failed", due = "1d" }\n' + DO,
        [
            (
                'r.toml:3:18: rule.a.over.state: "failed" does not go with "due": what is still to come is one of'
                ' "awaiting_approval", "draft", "scheduled", "unknown"'
            )
        ],
    ),
    "what is older than nothing": (
        '[rule.a]\nevery = "1h"\nover = { due = "1d", older = "1h" }\n' + DO,
        ['r.toml:3:30: rule.a.over.older: goes with "state", which this "over" does not have'],
    ),
    "what to do with nothing, where nothing is gathered": (
        '[rule.a]\nevery = "1h"\nempty = "skip"\n' + DO,
        ['r.toml:3:9: rule.a.empty: goes with "over", which this rule does not have'],
    ),
    "an expectation of what has happened": (
        '[rule.a]\non = "post.published"\nexpect = "post.published"\nwithin = "1h"\n' + DO,
        [('r.toml:3:10: rule.a.expect: has happened before anybody waits for it: the same word stands in "on"')],
    ),
    "what rules did": (
        '[rule.a]\non = "post.labelled"\n' + DO,
        ['r.toml:2:6: rule.a.on: "post.labelled": what rules did is no event for other rules'],
    ),
    "two at once": (
        ALERT + 'while = { state = "publishing" }\nfor = "1m"',
        [
            (
                "r.toml:4:9: rule.a.while: a rule has one trigger: on, while … for, before … of … while,"
                " expect … within, or every"
            )
        ],
    ),
    "a state nearly right, in a list": (
        '[rule.a]\non = ["post.published", "post.faild"]\n' + DO,
        ['r.toml:2:25: rule.a.on[1]: "post.faild" is not a state (did you mean "post.failed"?)'],
    ),
    "a transition to nowhere": (
        '[rule.a]\non = "publishing -> faled"\n' + DO,
        ['r.toml:2:6: rule.a.on: "faled" is not a state (did you mean "failed"?)'],
    ),
    "its own actions": (
        '[rule.a]\non = "action.done"\n' + DO,
        [
            (
                'r.toml:2:6: rule.a.on: "action.done": a rule cannot react to its own actions; "exhausted" names what'
                ' follows a retry, and on = "action.dead" what other rules asked for in vain'
            )
        ],
    ),
    "an action that is waited for": (
        '[rule.a]\non = "post.failed"\ncancel_on = "action.dead"\n' + DO,
        ['r.toml:3:13: rule.a.cancel_on: "action.dead" stands under "on" alone, as what sets a rule going'],
    ),
    "a retry of what failed for good": (
        '[rule.a]\non = "action.dead"\ndo = [{ retry = "publish" }]',
        [
            (
                'r.toml:3:17: rule.a.do[0].retry: does not go with on = "action.dead": what fails once more would set'
                " it going again"
            )
        ],
    ),
    "an action of which nothing is heard": (
        '[rule.a]\non = "post.failed"\nwhen = "action.verb == \'send\'"\n' + DO,
        [
            (
                "r.toml:3:9: rule.a.when: action.verb is always empty here: only a rule with"
                ' on = "action.dead" hears of an action that came to nothing'
            )
        ],
    ),
    "no text": (
        "[rule.a]\non = 3\n" + DO,
        ["r.toml:2:6: rule.a.on: must be a text in quotes, or a list of them, but it is 3"],
    ),
    "a watch without an end": (
        '[rule.a]\nwhile = { state = "publishing" }\n' + DO,
        ['r.toml:2:9: rule.a.while: needs a "for": how long the state must have held'],
    ),
    "a watch with two slips": (
        '[rule.a]\nwhile = { state = "publising" }\nfor = "15 min"\n' + DO,
        [
            'r.toml:2:19: rule.a.while.state: "publising" is not a state (did you mean "publishing"?)',
            (
                'r.toml:3:7: rule.a.for: "15 min" is not a duration: write a number and a unit (ms, s, m, h, d, w),'
                ' as in "90s", "15m", "2d" or "1h30m"'
            ),
        ],
    ),
    "a span of nothing": (
        '[rule.a]\nwhile = { state = "publishing" }\nfor = "0s"\n' + DO,
        ["r.toml:3:7: rule.a.for: must be longer than nothing"],
    ),
    "a stray part of another shape": (
        ALERT + 'within = "10m"',
        ['r.toml:4:10: rule.a.within: goes with "expect", which this rule does not have'],
    ),
    "an expectation without a beginning": (
        '[rule.a]\nexpect = "post.publishing"\nwithin = "10m"\n' + DO,
        ['r.toml:2:10: rule.a.expect: needs either "of" (a time of the post) or "on" (an event) from which to count'],
    ),
    "an expectation from a time that is none": (
        '[rule.a]\nexpect = "post.publishing"\nwithin = "10m"\nof = "post.schedule_at"\n' + DO,
        [
            (
                'r.toml:4:6: rule.a.of: "post.schedule_at" is none of post.scheduled_at, post.published_at,'
                ' post.failed_at (did you mean "post.scheduled_at"?)'
            )
        ],
    ),
    "an expectation of many things": (
        '[rule.a]\nexpect = "post.*"\nwithin = "10m"\nof = "post.failed_at"\n' + DO,
        ['r.toml:2:10: rule.a.expect: "post.*": what is expected is one state or event, such as "post.publishing"'],
    ),
}

MATCHES = {
    "a platform nearly right": (
        ALERT + 'match = { platform = ["x", "instagarm"], acount = "a" }',
        [
            'r.toml:4:28: rule.a.match.platform[1]: "instagarm" is no platform (did you mean "instagram"?)',
            'r.toml:4:42: rule.a.match.acount: match has no such key (did you mean "account"?)',
        ],
    ),
    "a platform in capitals": (
        ALERT + 'match.platform = "Instagram"',
        ['r.toml:4:18: rule.a.match.platform: "Instagram" is no platform (did you mean "instagram"?)'],
    ),
    "a provider that is not configured": (
        ALERT + 'match.provider = "sosyalkopr"',
        [
            (
                'r.toml:4:18: rule.a.match.provider: there is no provider "sosyalkopr" in the configuration'
                ' (did you mean "sosyalkopru"?)'
            )
        ],
    ),
    "an unknown kind of thing to count": (
        ALERT + 'per = "acount"',
        [
            (
                'r.toml:4:7: rule.a.per: "acount" is none of "post", "target", "account", "platform", "provider"'
                ' (did you mean "account"?)'
            )
        ],
    ),
}

CONDITIONS = {
    "a value nearly right": (
        "when = 'error.retryble && post.attempt < 4'",
        ['r.toml:4:9: rule.a.when: error.retryble: not a value that rules can read (did you mean "error.retryable"?)'],
    ),
    "a value of nothing known": (
        "when = 'true && account.size > 3'",
        ["r.toml:4:17: rule.a.when: account.size: not a value that rules can read (account has id, platform, name)"],
    ),
    "a value only texts know": (
        "when = 'run.tries < 3'",
        ["r.toml:4:9: rule.a.when: run.tries is known only in texts, not where a condition is judged"],
    ),
    "not a condition": ("when = 'post.attempt'", ["r.toml:4:9: rule.a.when: must be true or false, but it is an int"]),
    "a comparison of unlike things": (
        "when = 'post.attempt < \"3\"'",
        ['r.toml:4:22: rule.a.when: "<" cannot be used with (int, text) (write the number without quotes)'],
    ),
    "one equals sign": ("when = 'post.id = \"p\"'", ['r.toml:4:17: rule.a.when: "=" is not CEL (write "==")']),
    "another language's and": (
        "when = 'error.retryable and true'",
        ['r.toml:4:25: rule.a.when: "and" is not CEL (write "&&")'],
    ),
    "a function nearly right": (
        "when = 'post.id.startWith(\"x\")'",
        ['r.toml:4:17: rule.a.when: startWith: no function of that name (did you mean "startsWith"?)'],
    ),
    "no end": ("when = 'post.attempt <'", ["r.toml:4:23: rule.a.when: something is missing at the end"]),
    "nothing": ("when = ''", ["r.toml:4:8: rule.a.when: must be a text in quotes, but it is empty"]),
    "several lines": (
        "when = '''\npost.attempt < 3\n&& error.code == 3'''",
        ['r.toml:6:15: rule.a.when: "==" cannot be used with (text, int) (write the text in quotes, as in "3")'],
    ),
    "escapes before the fault": (
        'when = "error.message == \\"x\\" && error.cod == \\"\\""',
        ['r.toml:4:35: rule.a.when: error.cod: not a value that rules can read (did you mean "error.code"?)'],
    ),
}

STEPS = {
    "a verb nearly right": (
        'do = [{ allert = "ops", title = "x" }]',
        ['r.toml:3:9: rule.a.do[0].allert: no verb of that name (did you mean "alert"?)'],
    ),
    "an option of another verb": (
        'do = [{ wait = "cms.acked", within = "24h" }]',
        ['r.toml:3:29: rule.a.do[0].within: a wait step has no such key (write at_most = "1h")'],
    ),
    "a wait for nothing that can be heard": (
        'do = [{ wait = ["cms.acked", "acked"] }]',
        [
            (
                'r.toml:3:30: rule.a.do[0].wait[1]: "acked" is neither an event ("post.failed") nor a transition'
                ' ("publishing -> failed") (did you mean "post.failed"?)'
            )
        ],
    ),
    "a pause with an end of its own": (
        'do = [{ wait = "10m", at_most = "1h" }]',
        ["r.toml:3:33: rule.a.do[0].at_most: goes with a wait for an event: one for a span always ends by itself"],
    ),
    "a pause that is no span": (
        'do = [{ wait = "10 minutes" }]',
        [
            (
                'r.toml:3:16: rule.a.do[0].wait: "10 minutes" is not a duration: write a number and a unit (ms, s, m,'
                ' h, d, w), as in "90s", "15m", "2d" or "1h30m"'
            ),
        ],
    ),
    "a wait that cannot end in vain": (
        'do = [{ wait = "cms.acked", else = "late" }]\n[rule.a.branch]\nlate = [{ reconcile = "post" }]',
        ['r.toml:3:36: rule.a.do[0].else: goes with "at_most" or "when": without them the wait never ends in vain'],
    ),
    "repetitions without number": (
        'do = [{ alert = "ops", title = "x", repeat = "4h max three" }]',
        ['r.toml:3:46: rule.a.do[0].repeat: "three" is no number of times from 1 to 999, as in "4h max 3"'],
    ),
    "repetitions that never come": (
        'do = [{ alert = "ops", title = "x", repeat = "4h max 0" }]',
        ['r.toml:3:46: rule.a.do[0].repeat: "0" is no number of times from 1 to 999, as in "4h max 3"'],
    ),
    "an else of nothing": (
        'do = [{ reconcile = "post", else = "late" }]\n[rule.a.branch]\nlate = [{ reconcile = "post" }]',
        ['r.toml:3:36: rule.a.do[0].else: goes with "when": without it the step is always done'],
    ),
    "a condition of a step that is none": (
        'do = [{ reconcile = "post", when = "post.attempt" }, { reconcile = "post", when = "post.attemt > 1" }]',
        [
            "r.toml:3:37: rule.a.do[0].when: must be true or false, but it is an int",
            (
                "r.toml:3:84: rule.a.do[1].when: post.attemt: not a value that rules can read (did you mean"
                ' "post.attempt"?)'
            ),
        ],
    ),
    "a condition of a step that is about nothing": (
        'do = [{ reconcile = "post", when = "target.key != \'\'" }]',
        [
            (
                "r.toml:3:37: rule.a.do[0].when: target.key is always empty here: a post has several targets, and the"
                ' rule counts the post as one: write per = "target"'
            ),
        ],
    ),
    "a condition that leads nowhere": (
        'do = [{ reconcile = "post", when = "post.attempt > 1", else = "late" }]',
        ['r.toml:3:63: rule.a.do[0].else: there is no branch "late"'],
    ),
    "a group that is neither": (
        'do = [{ alert = "ops", title = "x", group = 5 }]',
        [('r.toml:3:45: rule.a.do[0].group: must be true (for one minute) or how long to wait for others, as in "5m"')],
    ),
    "a pause without an end": (
        'do = [{ pause = "b" }]\n[rule.b]\non = "post.failed"\ndo = [{ reconcile = "post" }]',
        ['r.toml:3:7: rule.a.do[0]: a pause needs a "for": how long it lasts'],
    ),
    "a label of odd letters": (
        'do = [{ set = { "a b" = "x" } }]',
        [
            (
                'r.toml:3:17: rule.a.do[0].set."a b": a label\'s name is made of letters, digits, - and _,'
                " and is at most 64 long"
            )
        ],
    ),
    "two texts": (
        'do = [{ alert = "ops", title = "x", body = "y", template = "z.j2" }]',
        [
            'r.toml:3:60: rule.a.do[0].template: stands in place of "body": give one of the two',
            (
                "r.toml:3:60: rule.a.do[0].template: a template stands in a file beside the rules,"
                " and here there are no files"
            ),
        ],
    ),
    "two verbs": (
        'do = [{ alert = "ops", title = "x", send = "cms" }]',
        ["r.toml:3:37: rule.a.do[0].send: a step does one thing: alert and send are steps of their own"],
    ),
    "no verb": (
        'do = [{ title = "x" }]',
        [
            (
                "r.toml:3:7: rule.a.do[0]: says nothing to do: a step has one of alert, send, retry, wait,"
                " reconcile, cancel, reschedule, delete, create, pause, resume, set, run"
            )
        ],
    ),
    "no list": (
        'do = { alert = "ops" }',
        ["r.toml:3:6: rule.a.do: must be a list of tables: [{ … }, { … }], but it is a table"],
    ),
    "nothing": (
        "",
        ['r.toml:1:2: rule.a: has nothing to do: give it steps, as in do = [{ alert = "ops", title = "…" }]'],
    ),
    "a channel that is not configured": (
        'do = [{ alert = "opps", title = "x" }]',
        ['r.toml:3:17: rule.a.do[0].alert: there is no channel "opps" in the configuration (did you mean "ops"?)'],
    ),
    "an endpoint of quite another name": (
        'do = [{ send = "warehouse", event = "x" }]',
        [
            (
                'r.toml:3:16: rule.a.do[0].send: there is no endpoint or channel "warehouse" in the'
                " configuration (there is cms, ops, web)"
            )
        ],
    ),
    "a hole nearly right": (
        'do = [{ alert = "ops", title = "{{ post.id }} of {{ post.stat }}" }]',
        [
            (
                "r.toml:3:53: rule.a.do[0].title: {{ post.stat }}: post.stat: not a value that rules can read"
                ' (did you mean "post.state"?)'
            )
        ],
    ),
    "a hole without an end": (
        'do = [{ alert = "ops", title = "{{ post.id" }]',
        ['r.toml:3:33: rule.a.do[0].title: "{{" is never closed by "}}"'],
    ),
    "a retry that never tries": (
        'do = [{ retry = "publish", tries = 0 }]',
        ["r.toml:3:36: rule.a.do[0].tries: must be a whole number from 1 to 20, but it is 0"],
    ),
    "pauses in another order": (
        'do = [{ retry = "publish", backoff = "1m 2x" }]',
        [
            (
                'r.toml:3:38: rule.a.do[0].backoff: "1m 2x" is not a backoff: write the first pause, then "x2",'
                ' "max 30m" and "jitter 20%" as wanted, as in "1m x2 max 30m jitter 20%"'
            )
        ],
    ),
    "a retry after the retries": (
        'do = [{ retry = "publish" }]\nexhausted = [{ retry = "publish" }]',
        ["r.toml:4:13: rule.a.exhausted: cannot retry: it is what happens when retrying is over"],
    ),
    "what cannot be exhausted": (
        DO + 'exhausted = [{ alert = "ops", title = "x" }]',
        ['r.toml:4:13: rule.a.exhausted: is never reached: "do" has no retry that could be used up'],
    ),
    "what cancels itself": (
        DO + 'cancel_on = ["post.failed"]',
        ['r.toml:4:13: rule.a.cancel_on: would cancel what it starts: the same word stands in "on"'],
    ),
    "a retry of a whole account": (
        'per = "account"\ndo = [{ retry = "publish" }]',
        ["r.toml:3:7: rule.a.per: a retry concerns a post or a target, not a whole account"],
    ),
}

TESTS = {
    "another rule": (
        ALERT + '[[test]]\nrule = "b"\ntimeline = "1m ! retry"',
        ['r.toml:5:8: test[0].rule: there is no rule "b"'],
    ),
    "an action nearly right": (
        TEST + 'timeline = """\n0s > post.failed\n1m < retri\n"""',
        [
            (
                'r.toml:8:1: test[0].timeline: "retri" is none of alert, send, retry, reconcile, cancel,'
                ' reschedule, delete, create, pause, resume, set (did you mean "retry"?)'
            )
        ],
    ),
    "a value nearly right": (
        TEST + 'timeline = "0s > post.failed error.cod=x"',
        ['r.toml:6:13: test[0].timeline: "error.cod=x" is no name=value of this line (did you mean "error.code"?)'],
    ),
    "a command nearly right": (
        TEST + 'timeline = "0s > @restrat"',
        ['r.toml:6:13: test[0].timeline: "@restrat" is none of @restart, @reload (did you mean "@restart"?)'],
    ),
    "a state nearly right": (
        TEST + 'timeline = "0s > post.faild"',
        ['r.toml:6:13: test[0].timeline: "post.faild" is not a state (did you mean "post.failed"?)'],
    ),
    "time that runs backwards": (
        TEST + "timeline = '''\n  2m > post.failed\n  1m < alert\n'''",
        ["r.toml:8:3: test[0].timeline: the lines must be in the order of their times"],
    ),
    "no demand": (
        TEST + 'timeline = "0s > post.failed"',
        [
            (
                'r.toml:6:13: test[0].timeline: demands nothing: a test needs a line with "<" (must happen) or "!"'
                " (must not)"
            )
        ],
    ),
    "an unknown given": (
        TEST + 'given = { platfrm = "x" }\ntimeline = "1m ! alert"',
        ['r.toml:6:11: test[0].given.platfrm: given has no such key (did you mean "platform"?)'],
    ),
}


def cases(*tables: dict[str, tuple[str, list[str]]]) -> pytest.MarkDecorator:
    rows = [pytest.param(text, wanted, id=name) for table in tables for name, (text, wanted) in table.items()]
    return pytest.mark.parametrize(("text", "wanted"), rows)


@cases(KEYS, TRIGGERS, MATCHES, TESTS)
def test_a_fault_of_a_file_is_named_where_it_stands(text: str, wanted: list[str]) -> None:
    assert faults(text) == wanted


@cases(CONDITIONS)
def test_a_condition_that_cannot_be_judged_is_refused_where_it_goes_wrong(text: str, wanted: list[str]) -> None:
    assert faults(ALERT + text) == wanted


@cases(STEPS)
def test_a_step_that_cannot_be_done_is_refused(text: str, wanted: list[str]) -> None:
    assert faults(HEAD + text) == wanted


def test_all_faults_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text(HEAD + 'do = [{ alert = "opps", titel = "x" }]')
    (tmp_path / "a.toml").write_text("nonsense")
    (tmp_path / "c.toml").write_bytes(b"\xff")
    (tmp_path / "d.toml").write_text(ALERT.replace("rule.a", "rule.d"))
    book = load_rules(tmp_path, KNOWN)
    no_pair = "Expected '=' after a key in a key/value pair: a line is key = value, [table] or # a remark"
    assert [str(fault).replace(f"{tmp_path}/", "") for fault in book.faults] == [
        f"a.toml:1:9: is not TOML: {no_pair}",
        'b.toml:3:7: rule.a.do[0]: an alert needs a "title"',
        'b.toml:3:17: rule.a.do[0].alert: there is no channel "opps" in the configuration (did you mean "ops"?)',
        'b.toml:3:25: rule.a.do[0].titel: an alert step has no such key (did you mean "title"?)',
        'c.toml:1:1: the byte 0xFF ("ÿ" in Windows-1254) is not UTF-8: save the file as UTF-8',
    ]
    assert [rule.id for rule in book.rules] == ["d"]


def test_a_rule_of_the_same_name_in_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("\n" + ALERT)
    (tmp_path / "b.toml").write_text(ALERT)
    (fault,) = load_rules(tmp_path, KNOWN).faults
    assert str(fault) == f"{tmp_path}/b.toml:1:2: rule.a: there is a rule of that name already: {tmp_path}/a.toml:2"


def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    (fault,) = load_rules(tmp_path / "nowhere", KNOWN).faults
    assert str(fault) == f"{tmp_path}/nowhere: rules.dir: there is no such folder: make it, or put [rules] dir right"
