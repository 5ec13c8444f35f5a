"""One rule for many clients: tables that are looked up, a file's defaults, arguments, several channels, whose it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_rulebook_payload import fact
from tracker.act.performers.notify import body_of
from tracker.domain.payloads import AlertPayload
from tracker.domain.posts.event import Fact, State, TargetFact
from tracker.domain.rules.choice import Choice
from tracker.domain.rules.grouping import DEFAULTS
from tracker.domain.rules.rule_index import RuleIndex
from tracker.rulebook import Known, load_kept, load_rules, load_text
from tracker.rulebook.rule_simulation import Message, RuleSimulation
from tracker.rulebook.test_runner import run_tests

NAMES = Known(channels={"ops", "acme", "globex", "boss"}, endpoints={"cms", "acme-cms", "globex-cms"})
START = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = """
[table.client]
"acme-*"   = { channel = "acme", cms = "acme-cms", tries = 1, vip = true }
"globex-*" = { channel = "globex", cms = "globex-cms", tries = 2, vip = false }
"*"        = { channel = "ops", cms = "cms", tries = 3, vip = false }
"""
FAILED = """
[rule.failed]
on   = "post.failed"
per  = "target"
with = { client = "account" }
do   = [{ alert = "{{ client.channel }}", title = "{{ client.cms }}" }, { send = "{{ client.cms }}" }]
"""


def faults(text: str, known: Known = NAMES) -> list[str]:
    return [str(fault) for fault in load_text(text, "r.toml", known).faults]


def revisions(text: str) -> dict[str, str]:
    book = load_text(text, "r.toml", NAMES)
    assert [str(one) for one in book.faults] == []
    return {rule.id: rule.revision for rule in book.rules}


def done(text: str, *facts: Fact, folder: Path | None = None) -> list[Message]:
    book = load_rules(folder, NAMES) if folder else load_text(text, "r.toml", NAMES)
    assert [str(one) for one in book.faults] == []
    world = RuleSimulation(RuleIndex(book.rules), facts[0].received_at)
    for one in facts:
        world.wait_until(one.received_at)
        world.hear(one)
    assert world.unfit == []
    return world.taken


def to(text: str, *facts: Fact, folder: Path | None = None) -> list[str]:
    return [f"{one.asked.action.verb} {one.asked.action.target}" for one in done(text, *facts, folder=folder)]


def failed(number: int, account: str, platform: str = "x", **attributes: str) -> Fact:
    targets = (TargetFact(platform, account, state=State.FAILED),)
    return fact(number, State.FAILED, post=f"p{number}", targets=targets, attributes=attributes)


def test_each_account_gets_the_first_row_that_fits() -> None:
    said = to(TABLE + FAILED, failed(1, "acme-tr"), failed(2, "globex-de"), failed(3, "other"))
    assert said == [
        "alert acme", "send acme-cms", "alert globex", "send globex-cms", "alert ops", "send cms",
    ]  # fmt: skip


@pytest.mark.parametrize(("by", "found"), [("platform", "acme"), ("provider", "ops"), ("attributes.client", "globex")])
def test_rows_are_found_by_other_names_too(by: str, found: str) -> None:
    text = TABLE + FAILED.replace('"account"', f'"{by}"').replace("{{ client.cms }}", "cms")
    post = failed(1, "nobody", "acme-works", client="globex-de")
    assert to(text, post)[0] == f"alert {found}"


def test_a_post_without_the_attribute_gets_the_last_row() -> None:
    assert to(TABLE + FAILED.replace('"account"', '"attributes.client"'), failed(1, "acme-tr"))[0] == "alert ops"


def test_conditions_and_pages_read_rows_by_their_types(tmp_path: Path) -> None:
    rule = FAILED.replace("do   =", "when = 'client.vip || post.attempt >= client.tries'\ndo   =")
    rule = rule.replace('title = "{{ client.cms }}"', 'title = "x", template = "t"')
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t").write_text("{{ client.channel | upper }} {{ client.tries + 1 }}")
    (tmp_path / "r.toml").write_text(TABLE + rule)
    acting = done("", failed(1, "acme-tr"), failed(2, "globex-de"), folder=tmp_path)
    assert [getattr(one.asked.action.payload, "body", None) for one in acting] == ["ACME 2", None]
    (tmp_path / "templates" / "t").write_text("{{ client.chanel }}")
    (fault,) = load_rules(tmp_path, NAMES).faults
    assert 'client.chanel: not a value that rules can read (did you mean "client.channel"?)' in str(fault)


def test_a_condition_that_reads_no_row_is_judged_all_the_same() -> None:
    rule = FAILED.replace("do   =", 'when = \'post.platforms.exists(p, p == "x") && error.code == ""\'\ndo   =')
    assert to(TABLE + rule, failed(1, "acme-tr"))[0] == "alert acme"


LOOP = "{{ post.targets.map(a, post.targets.map(b, post.targets.map(c, client.cms + client.cms)))[0][0][0] }}"
REFUSED = {
    "a channel that is none, in any row": (
        (TABLE.replace('channel = "globex"', 'channel = "globx"') + FAILED),
        'do[0].alert: {{ client.channel }}, the row "globex-*": there is no channel "globx" in the configuration',
    ),
    "an endpoint that is none": (
        (TABLE.replace('"acme-cms"', '"acme-cmz"') + FAILED),
        'do[1].send: {{ client.cms }}, the row "acme-*": there is no endpoint or channel "acme-cmz"',
    ),
    "a row without the value": (
        (TABLE.replace(', cms = "globex-cms"', "") + FAILED),
        'client.cms: the row "globex-*" of [table.client] has no cms: give every row one',
    ),
    "a value of two kinds": (
        TABLE.replace("tries = 2", 'tries = "2"')
        + FAILED.replace('title = "{{ client.cms', 'title = "{{ client.tries'),
        "is a number here and a text there in [table.client]",
    ),
    "no last row": (TABLE.replace('"*" ', '"x" ') + FAILED, 'table.client: needs a last row "*"'),
    "a row behind the last": (TABLE + '"late" = { channel = "ops" }\n' + FAILED, '"*" above it fits everything'),
    "a table that is none": (
        TABLE + FAILED.replace("client =", "clint ="),
        'there is no table "clint": write [table.clint] (did you mean "client"?)',
    ),
    "another way of looking": (
        TABLE + FAILED.replace('"account"', '"acount"'),
        '"acount" is none of "account", "platform", "provider" or "attributes.<name>" (did you mean "account"?)',
    ),
    "an account where the post is one": (
        TABLE + FAILED.replace('per  = "target"\n', ""),
        "the rule counts the post as one, which has several accounts",
    ),
    "a field that is none": (
        TABLE + FAILED.replace("client.channel", "client.chanel"),
        'or one hole with a field of a table or an argument (did you mean "client.channel"?)',
    ),
    "more than the hole": (
        TABLE + FAILED.replace("{{ client.channel }}", "x-{{ client.channel }}"),
        "what stands here is known beforehand",
    ),
    "what happens": (
        TABLE + FAILED.replace("{{ client.channel }}", "{{ post.id }}"),
        "what stands here is known beforehand",
    ),
    "a name that is taken": (
        TABLE.replace("table.client", "table.post") + FAILED.replace("client", "post"),
        "are names of other values",
    ),
    "a value that is too long": (
        (TABLE.replace('"acme-cms"', '"' + "x" * 501 + '"') + FAILED),
        "cms: is 501 characters long; 500 are allowed",
    ),
    "loops over what a table holds": (
        TABLE + FAILED.replace('{{ client.cms }}" }, {', LOOP + '" }, {'),
        "steps of work",
    ),
    "a value that is no literal": (
        TABLE.replace("tries = 1", "tries = [1]") + FAILED,
        "must be a text, a whole number or a flag, as it stands",
    ),
}


@pytest.mark.parametrize(("text", "wrong"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_table_cannot_give_is_refused(text: str, wrong: str) -> None:
    assert any(wrong in fault for fault in faults(text)), faults(text)


def test_an_edit_of_a_table_is_one_of_the_rules_that_read_it() -> None:
    other = FAILED.replace("rule.failed", "rule.other").replace("client.cms", "client.channel")
    before = revisions(TABLE + FAILED + other)
    cms = revisions(TABLE.replace('cms = "acme-cms"', 'cms = "cms"') + FAILED + other)
    assert (cms["failed"] != before["failed"], cms["other"] != before["other"]) == (True, False)
    globs = revisions(TABLE.replace('"acme-*"', '"acme*"') + FAILED + other)
    assert (globs["failed"] != before["failed"], globs["other"] != before["other"]) == (True, True)
    assert revisions(TABLE.replace("tries = 1", "tries = 9") + FAILED + other) == before


ROWS = st.lists(st.tuples(st.text("ab*?", min_size=1, max_size=4), st.integers(0, 9)), max_size=5)


@given(ROWS, st.text("ab", max_size=4))
def test_the_first_row_that_fits_is_the_one(rows: list[tuple[str, int]], account: str) -> None:
    choice = Choice("client.n", "account", (*rows, ("*", 99)))
    found = choice({**DEFAULTS, "account.id": account})
    fitting = [value for glob, value in rows if _fits(glob, account)]
    assert found == (fitting[0] if fitting else 99)


def _fits(glob: str, text: str) -> bool:
    """Globs of * and ? alone, told without a library."""
    if not glob:
        return not text
    if glob[0] == "*":
        return any(_fits(glob[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and glob[0] in ("?", text[0]) and _fits(glob[1:], text[1:])


DEFAULTED = """
[defaults]
per      = "target"
severity = "critical"
once     = "1h"
owner    = "social team"
quiet    = "22:00-08:00 UTC"

[rule.one]
on = "post.failed"
do = [{ alert = "ops", title = "{{ target.platform }}" }]

[rule.two]
on       = "post.failed"
severity = "info"
per      = "post"
do       = [{ alert = "ops", title = "x" }]

[rule.daily]
every = "day 09:00 UTC"
do    = [{ alert = "ops", title = "x" }]
"""


def test_rules_have_the_defaults_of_their_file_and_their_own_word_goes_first() -> None:
    book = load_text(DEFAULTED, "r.toml", NAMES)
    assert [str(one) for one in (*book.faults, *book.warnings)] == []
    one, two, daily = book.rules
    assert (str(one.per), one.owner, one.once is not None, one.quiet is not None) == (
        "target",
        "social team",
        True,
        True,
    )
    assert [getattr(rule.do[0], "severity", "") for rule in book.rules] == ["critical", "info", "critical"]
    assert (str(two.per), two.owner, daily.once) == ("post", "social team", None)
    itself = load_text(DEFAULTED.replace("[rule.one]\n", '[rule.one]\nper = "target"\nseverity = "critical"\n'))
    assert itself.rules[0].revision == one.revision


def test_defaults_are_those_of_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(DEFAULTED)
    (tmp_path / "b.toml").write_text('[rule.elsewhere]\non = "post.failed"\ndo = [{ alert = "ops", title = "x" }]\n')
    rules = {rule.id: rule for rule in load_rules(tmp_path, NAMES).rules}
    assert (rules["one"].owner, rules["elsewhere"].owner) == ("social team", "")


def test_what_is_wrong_with_a_default_is_said_once_where_it_stands() -> None:
    (fault,) = faults(DEFAULTED.replace('"1h"', '"often"'))
    assert fault.startswith("r.toml:5:12: defaults.once:")
    (unknown,) = faults(DEFAULTED.replace("once ", "when "))
    assert unknown.startswith("r.toml:5:1: defaults.when: defaults has no such key")
    stuck = '\n[rule.stuck]\nwhile = { state = "failed" }\nfor = "1h"\ndo = [{ alert = "ops", title = "x" }]\n'
    (unfit,) = faults(DEFAULTED.replace('"target"', '"account"').replace("target.platform", "account.id") + stuck)
    assert unfit.startswith("r.toml:3:12: defaults.per:")
    assert unfit.endswith("(so it is for [rule.stuck])")


CALLING = """
[rule.a]
on  = "post.failed"
per = "target"
do  = [
  { run = "page", with = { who = "acme", what = "look" } },
  { run = "page", with = { who = "boss", what = "act" } },
]

[workflow.page]
do = [{ alert = "{{ with.who }}", title = "{{ with.what }} at {{ post.id }}" }]
"""


def test_a_workflow_reads_its_arguments_in_texts_and_channels() -> None:
    acting = done(CALLING, failed(1, "a"))
    said = [(one.asked.action.target, getattr(one.asked.action.payload, "title", "")) for one in acting]
    assert said == [("acme", "look at p1"), ("boss", "act at p1")]
    plain = CALLING.replace(
        '{ run = "page", with = { who = "acme", what = "look" } }', '{ alert = "acme", title = "x" }'
    )
    assert revisions(CALLING)["a"] != revisions(plain)["a"]


PASSING = """
[rule.a]
on   = "post.failed"
per  = "target"
with = { client = "account" }
do   = [{ run = "page", with = { who = "{{ client.channel }}", what = "{{ client.cms }}" } }]

[workflow.page]
do = [{ run = "inner", with = { to = "{{ with.who }}", text = "{{ with.what }}" } }]

[workflow.inner]
do = [{ alert = "{{ with.to }}", title = "{{ with.text }} at {{ post.id }}" }]
"""


def test_arguments_are_passed_on_and_may_be_fields_of_tables() -> None:
    acting = done(TABLE + PASSING, failed(1, "globex-de"), failed(2, "other"))
    said = [(one.asked.action.target, getattr(one.asked.action.payload, "title", "")) for one in acting]
    assert said == [("globex", "globex-cms at p1"), ("ops", "cms at p2")]
    (fault,) = faults(TABLE.replace('channel = "globex"', 'channel = "globx"') + PASSING)
    assert 'the row "globex-*": there is no channel "globx"' in fault


UNFIT = {
    "one too few": (
        CALLING.replace(', what = "look"', ""),
        'do[0].run: "page" reads with.what: give it one, as in with = { what = "…" }',
    ),
    "one too many": (
        CALLING.replace('what = "look"', 'what = "look", whoo = "x"'),
        '"page" reads no with.whoo (did you mean "who"?)',
    ),
    "a channel that is none": (
        CALLING.replace('"boss"', '"bos"'),
        'do[1].run: "page" does not fit here: workflow.page.do[0].alert: there is no channel "bos"',
    ),
    "a hole that is no literal": (CALLING.replace('"look"', '"{{ post.id }}"'), "what stands here is known beforehand"),
}


@pytest.mark.parametrize(("text", "wrong"), UNFIT.values(), ids=UNFIT.keys())
def test_arguments_that_do_not_fit_are_refused_where_the_workflow_is_run(text: str, wrong: str) -> None:
    (fault,) = faults(text)
    assert wrong in fault


def test_a_workflow_that_nobody_runs_is_read_all_the_same() -> None:
    workflow = CALLING[CALLING.index("[workflow") :]
    assert faults(workflow) == []
    (fault,) = faults(workflow.replace("post.id", "post.idd"))
    assert "post.idd" in fault


def test_one_alert_goes_to_several_channels() -> None:
    text = '[rule.a]\non = "post.failed"\ndo = [{ alert = ["ops", "acme"], title = "x", resolves = true }]\n'
    out = fact(2, State.PUBLISHED, post="p1", targets=(TargetFact("x", "a", state=State.PUBLISHED),))
    assert to(text, failed(1, "a"), out) == [
        "alert ops", "alert acme", "alert ops", "alert acme",
    ]  # fmt: skip
    (fault,) = faults(text.replace('"acme"', '"acne"'))
    assert fault.startswith('r.toml:3:25: rule.a.do[0].alert[1]: there is no channel "acne"')


OWNED = """
[rule.a]
on          = "post.failed"
description = "what it is for"
owner       = "social team"
runbook     = "https://wiki.example.com/a"
do          = [{ alert = "ops", title = "x" }]
"""


def test_whose_it_is_and_what_to_do_stand_below_an_alert() -> None:
    (one,) = done(OWNED, failed(1, "a"))
    said = one.asked.action.payload
    assert isinstance(said, AlertPayload)
    assert body_of(said) == "owner: social team · runbook: https://wiki.example.com/a"


def test_what_a_rule_is_for_is_no_part_of_its_meaning() -> None:
    bare = "".join(line for line in OWNED.splitlines(keepends=True) if not line.startswith(("desc", "owner", "runb")))
    assert revisions(bare) == revisions(OWNED)


def test_a_rule_is_read_again_with_its_table_and_its_defaults(tmp_path: Path) -> None:
    """So the trial on the dashboard, and the last good rules, know all that it rests on."""
    text = TABLE + FAILED.replace('per  = "target"\n', "") + '\n[defaults]\nper = "target"\n'
    book = load_text(text, "r.toml", NAMES)
    alone = load_text(book.texts["failed"], "r.toml", NAMES)
    assert [str(one) for one in alone.faults] == []
    assert alone.rules[0].revision == book.rules[0].revision
    kept = load_kept({"r.toml": text + "\n[rule.broken]\non = 1\n"}, tmp_path, NAMES)
    assert [rule.revision for rule in kept.rules] == [book.rules[0].revision]


def test_whose_it_is_stands_below_what_is_said_of_it_later_too() -> None:
    out = fact(2, State.PUBLISHED, post="p1", targets=(TargetFact("x", "a", state=State.PUBLISHED),))
    _, over = done(OWNED.replace('title = "x"', 'title = "x", resolves = true'), failed(1, "a"), out)
    said = over.asked.action.payload
    assert isinstance(said, AlertPayload)
    assert (said.resolved, said.owner, said.runbook) == (True, "social team", "https://wiki.example.com/a")


def test_each_alert_is_repeated_at_its_own_span() -> None:
    book = load_text("""
[rule.a]
on = "post.failed"
do = [{ alert = "ops", title = "x", repeat = "10m max 4" }, { alert = "acme", title = "y", repeat = "25m" }]

[[test]]
rule = "a"
timeline = '''
0s   >  post.failed
0s   <  alert ops
0s   <  alert acme
10m  <  alert ops
20m  <  alert ops
24m  !  alert acme
25m  <  alert acme
30m  <  alert ops
40m  <  alert ops
49m  !  alert acme
50m  <  alert acme
2h   !  alert ops
'''
""")
    assert [one.wrong for one in run_tests(book.tests, book.rules)] == [""]


def test_a_table_that_no_rule_reads_is_told() -> None:
    text = '[table.clint]\n"*" = { channel = "ops" }\n' + OWNED
    assert [str(one) for one in load_text(text, "r.toml").warnings] == [
        'r.toml:1:2: table.clint: is read by no rule: one that is to says with = { clint = "account" }'
    ]
