"""What people slip into is answered with what to write instead."""

from __future__ import annotations

import pytest

from tracker.rulebook import Known, load_text

KNOWN = Known(channels={"ops"}, endpoints={"cms"}, providers={"sosyalkopru"})
HEAD = '[rule.x]\non = "post.failed"\n'
DO = 'do = [{ alert = "ops", title = "x" }]\n'


def faults(text: str) -> list[str]:
    return [str(fault) for fault in load_text(text, "r.toml", KNOWN).faults]


TOML = {
    "curly quotes": (
        "[rule.x]\non = \N{LEFT DOUBLE QUOTATION MARK}post.failed\N{RIGHT DOUBLE QUOTATION MARK}\n",
        '2:6: is not TOML: Invalid value: a curly quote is no quote: write "post.failed"',
    ),
    "no quotes": (
        "[rule.x]\non = post.failed\n",
        'r.toml:2:6: is not TOML: Invalid value: write a text in quotes: "post.failed"',
    ),
    "a flag of Python": (HEAD + "enabled = False\n", "write false, in small letters"),
    "nothing of Python": (HEAD + "when = None\n", "leave the key out where it has no value"),
    "a table on several lines": (
        HEAD + 'do = [{\n alert = "ops", title = "x"\n}]\n',
        "with no comma at its end: join the lines, or write [[rule.x.do]], a key on each line",
    ),
    "a comma at the end": (HEAD + 'do = [{ alert = "ops", title = "x", }]\n', "with no comma at its end"),
    "no comma": (HEAD + 'do = [{ alert = "ops" title = "x" }]\n', 'a comma is missing before "title = "x" }]"'),
    "no comma between steps": (HEAD + "do = [\n { run = 'a' }\n { run = 'b' }\n]\n", "a comma is missing before it"),
    "quotes within quotes": (
        HEAD + 'when = "error.code == "spam""\n',
        "the second \" ends the text: write ' around it, as in when = 'error.code == \"spam\"'",
    ),
    "a key twice": (HEAD + DO + 'on = "post.x"\n', "r.toml:4:1: is not TOML: the key on stands twice in this table"),
    "a rule twice": (
        HEAD + DO + HEAD + DO,
        "r.toml:4:8: is not TOML: [rule.x] stands twice (first in line 1): give one of the two another name",
    ),
    "a name in Turkish": ("[rule.müşteri]\n" + DO, 'stands in quotes: "müşteri"'),
    "a mark before the text": ("\N{ZERO WIDTH NO-BREAK SPACE}" + HEAD + DO, "save the file as UTF-8 without it"),
    "a duration without quotes": (HEAD + "once = 15m\n", 'write a text in quotes: "15m"'),
    "a colon": (HEAD + "once: '15m'\n", 'write "=" in place of ":"'),
    "another remark": ("// x\n" + HEAD + DO, "a remark begins with #"),
    "a text on two lines": (HEAD + 'do = [{ alert = "ops", title = "a\nb" }]\n', 'stands between """ and """'),
}
KEYS = {
    "keys of no rule": ('on = "post.failed"\n' + DO, "r.toml:1:1: on: stands in no rule: put [rule.<name>] above it"),
    "a rule without a name": (
        '[rule]\non = "post.failed"\n' + DO,
        "r.toml:2:1: rule.on: the rule has no name: write [rule.<name>]",
    ),
    "two brackets": (
        '[[rule.x]]\non = "post.failed"\n' + DO,
        "r.toml:1:3: rule.x: is one rule: write [rule.x], with one bracket",
    ),
    "a key in capitals": (
        '[rule.x]\nOn = "post.failed"\n' + DO,
        'r.toml:2:1: rule.x.On: a rule has no such key (write "on")',
    ),
    "another program's trigger": ('[rule.x]\ntrigger = "x"\n' + DO, 'write on = "post.failed"'),
    "another program's actions": (HEAD + "actions = []\n", "write do = [{ … }]"),
    "a comment": (HEAD + DO + 'comment = "x"\n', "write it as a remark: # …"),
    "a note": (HEAD + DO + 'note = "x"\n', "write it as a remark: # …"),
    "a message": (
        HEAD + 'do = [{ alert = "ops", title = "x", message = "y" }]',
        'do[0].message: an alert step has no such key (write body = "…")',
    ),
    "a condition of a step": (
        HEAD + 'do = [{ alert = "ops", title = "x", if = "post.attempt > 1" }]',
        'write when = "…"',
    ),
    "a key that nobody knows": (
        HEAD + 'do = [{ alert = "ops", title = "x", zzz = 1 }]',
        "(there are alert, title, body,",
    ),
    "sleeping": (
        HEAD + 'do = [{ sleep = "5m" }]',
        'r.toml:3:9: rule.x.do[0].sleep: no verb of that name: write { wait = "5m" }',
    ),
    "notifying": (
        HEAD + 'do = [{ notify = "ops" }]',
        'notify: no verb of that name: write { alert = "ops", title = "…" }',
    ),
    "cancelling": (HEAD + 'do = [{ cancel = "post" }]', "what is asked of the provider is retry and reconcile"),
    "a wait with a duration": (
        HEAD + 'do = [{ wait = ["cms.acked", "10m"] }]',
        '"10m" is no event: write at_most = "10m" beside them, or a step { wait = "10m" }',
    ),
    "every event": ('[rule.x]\non = "*"\n' + DO, '"*" is every event: say of what, as in "post.*"'),
    "all but one platform": (
        HEAD + 'match = { platform = "!instagram" }\n' + DO,
        """write when = '!("instagram" in post.platforms)'""",
    ),
    "a list where one word stands": (
        HEAD + 'per = ["account", "platform"]\n' + DO,
        "per: must be a text in quotes, but it is a list",
    ),
    "a retry of something": (HEAD + 'do = [{ retry = "post" }]', '"post" is not for "retry": write "publish"'),
    "a number for a duration": (HEAD + DO + "once = 3600\n", 'with its unit, as in "90s" or "15m", but it is 3600'),
}
CEL = {
    "not": ("not error.retryable", '3:11: rule.x.when: "not" is not CEL (write "!error.retryable")'),
    "contains": ('error.message contains "limit"', '"contains" does not stand so (write error.message.contains("…"))'),
    "True": ("error.retryable == True", 'True: not a value that rules can read (write "true")'),
    "a duration and a number": (
        "post.published_at - post.scheduled_at > 30",
        '(duration, int) (write duration("30m"))',
    ),
    "a duration and a text": ('post.published_at - post.scheduled_at > "30m"', 'write duration("30m")'),
    "a number in quotes": ('post.attempt == "3"', "write the number without quotes"),
    "now": ("now() > post.scheduled_at", "what waits is said by while … for or expect … within"),
    "an unknown function": ("foo(1)", "foo: no function of that name (there are all, at, bool, contains,"),
    "another noun": ("run.attempts > 3", 'write "run.tries"'),
    "is": ("error.code is 'x'", '"is" is not CEL (write "==" or "!=")'),
    "in a text": ("error.code in 'x'", '"in" cannot be used with (text, text)'),
    "an open quote": ("error.code == 'x", "a quote is never closed"),
    "one equals sign": ("error.code = 'x'", '"=" is not CEL (write "==")'),
    "an unknown noun": ("zzzz.qq == 'x'", "(there are event, change, post, target, error, account, action, run)"),
}
EVERY = {**TOML, **KEYS} | {name: (f"{HEAD}when = '''{when}'''\n{DO}", wrong) for name, (when, wrong) in CEL.items()}


@pytest.mark.parametrize(("text", "wrong"), EVERY.values(), ids=EVERY.keys())
def test_a_slip_is_answered_with_what_to_write(text: str, wrong: str) -> None:
    assert any(wrong in fault for fault in faults(text)), faults(text)


@pytest.mark.parametrize("text", [KEYS[name][0] for name in KEYS], ids=KEYS.keys())
def test_one_slip_is_one_fault(text: str) -> None:
    assert len(faults(text)) == 1


def test_a_filter_of_jinja_in_a_hole_is_answered() -> None:
    (fault,) = faults(HEAD + 'do = [{ alert = "ops", title = "{{ post.id | upper }}" }]')
    assert '"| upper" is a filter of Jinja, and CEL has none: put such a text in a file (template = "…")' in fault


def test_each_slip_of_an_expression_is_told() -> None:
    told = faults(f"{HEAD}when = 'error.retryable and post.attempt > 1 or not error.retryable'\n{DO}")
    assert [fault.rpartition("when: ")[2] for fault in told] == [
        '"and" is not CEL (write "&&")', '"or" is not CEL (write "||")', '"not" is not CEL (write "!error.retryable")',
    ]  # fmt: skip
