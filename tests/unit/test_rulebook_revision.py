"""A rule's revision names its meaning: looks do not change it, and everything else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracker.rulebook import load_rules, load_text

RETRY = """
[rule.instagram-retry]
on        = "post.failed"
match     = { platform = "instagram" }
when      = 'error.retryable && post.attempt < 4'
per       = "target"
cancel_on = ["post.published", "post.removed"]
do        = [{ retry = "publish", tries = 3, backoff = "1m x2 max 30m jitter 20%" }]
exhausted = [{ alert = "ops", title = "{{ post.id }}: gave up after {{ run.tries }} tries: {{ error.message }}" }]
"""


def revision(text: str, folder: Path | None = None) -> str:
    """That of the first rule of a text without faults."""
    book = load_text(text, folder=folder)
    assert [str(fault) for fault in book.faults] == []
    return book.rules[0].revision


COSMETIC = {
    "a remark": RETRY + "# a remark",
    "other blanks": RETRY.replace("        =", " ="),
    "blanks in the condition": RETRY.replace("post.attempt < 4", "  post.attempt<4 "),
    "brackets that say nothing": RETRY.replace("post.attempt < 4", "((post.attempt) < (4))"),
    "a remark in the condition": RETRY.replace("post.attempt < 4'", "post.attempt < 4 // at most'"),
    "a number in another notation": RETRY.replace("< 4", "< 0x4"),
    "no blanks in the holes": RETRY.replace("{{ ", "{{").replace(" }}", "}}"),
    "brackets in a hole": RETRY.replace("{{ post.id }}", "{{ (post.id) }}"),
    "a default said aloud": RETRY + 'severity = "warning"',
    "switched off for a while": RETRY + "enabled = false",
    "the same span in other words": RETRY.replace("1m x2", "60s x2.0"),
    "a list of one": RETRY.replace('= "post.failed"', '= ["post.failed"]'),
    "words in another order": RETRY.replace('["post.published", "post.removed"]', '["post.removed", "post.published"]'),
    "keys in another order": "[rule.instagram-retry]\nper = 'target'\n"
    + RETRY.replace("[rule.instagram-retry]", "").replace('per       = "target"\n', ""),
}
REAL = {
    "another platform": RETRY.replace('"instagram"', '"x"'),
    "another condition": RETRY.replace("< 4", "< 5"),
    "a blank inside a quoted word of the condition": RETRY.replace("post.attempt < 4", 'error.code != "a b"'),
    "another text": RETRY.replace("gave up", "stopped"),
    "another hole": RETRY.replace("{{ post.id }}", "{{ post.provider }}"),
    "the text of a hole for the hole": RETRY.replace("{{ post.id }}", "post.id"),
    "brackets that mean something": RETRY.replace(
        "error.retryable && post.attempt < 4", "!(error.retryable && post.attempt < 4)"
    ),
    "no such brackets": RETRY.replace("error.retryable && post.attempt < 4", "!error.retryable && post.attempt < 4"),
    "another pause": RETRY.replace("1m x2", "2m x2"),
    "one try more": RETRY.replace("tries = 3", "tries = 4"),
    "another thing to count": RETRY.replace('"target"', '"post"'),
    "one thing less that cancels": RETRY.replace(', "post.removed"', ""),
}


@pytest.mark.parametrize("text", COSMETIC.values(), ids=COSMETIC.keys())
def test_an_edit_of_looks_keeps_the_revision(text: str) -> None:
    assert revision(text) == revision(RETRY)


def test_each_real_edit_makes_a_revision_of_its_own() -> None:
    revisions = [revision(text) for text in (RETRY, *REAL.values())]
    assert len(set(revisions)) == len(revisions)


def test_conditions_that_differ_only_within_quotes_are_different() -> None:
    one, other = (RETRY.replace("post.attempt < 4", f'error.code != "{code}"') for code in ("a b", "ab"))
    assert revision(one) != revision(other)


def of_condition(condition: str) -> str:
    return revision(f"""[rule.a]\non = "post.failed"\nwhen = '{condition}'\ndo = [{{ alert = "ops", title = "x" }}]""")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("error.retryable && post.attempt < 4 && true", "error.retryable && (post.attempt < 4 && true)"),
        ('post.platforms.exists(p, p == "x")', 'post.platforms.exists(name, (name == "x"))'),
        ('error.message.matches("a")', 'matches(error.message, "a")'),
        ("has(post.labels.x)", "( has( post.labels.x ) )"),
    ],
)
def test_conditions_that_come_to_the_same_tree_mean_the_same(one: str, other: str) -> None:
    assert of_condition(one) == of_condition(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("double(post.attempt) < 1.5", "double(post.attempt) < 2.5"),
        ("post.attempt < 1", "post.attempt > 1"),
        ("true || false && false", "(true || false) && false"),
        ('size(["a", "b"]) == post.attempt', 'size({"a": "b"}) == post.attempt'),
        ('has(post.labels.x) && post.labels.x == "1"', 'has(post.labels.x) || post.labels.x == "1"'),
        (
            "post.platforms.exists(p, post.platforms.exists(q, p < q))",
            "post.platforms.exists(p, post.platforms.exists(q, q < p))",
        ),
        ('post.platforms.exists(p, p == "x")', 'post.platforms.all(p, p == "x")'),
        ('error.code == "$0"', "post.platforms.exists(p, p == error.code)"),
        ('error.code == "true"', "error.code == string(true)"),
    ],
)
def test_conditions_that_differ_in_their_tree_mean_something_else(one: str, other: str) -> None:
    assert of_condition(one) != of_condition(other)


def test_steps_in_another_order_mean_something_else() -> None:
    steps = ['{ alert = "ops", title = "x" }', '{ retry = "publish" }']
    one, other = (f'[rule.a]\non = "post.failed"\ndo = [{", ".join(order)}]' for order in (steps, steps[::-1]))
    assert revision(one) != revision(other)


def test_a_revision_is_the_same_in_every_process() -> None:
    """It is stored with every timer; a value that changes here re-arms all timers of all installations."""
    assert revision(RETRY) == "040e39217759"


LONG = """
[rule.long]
on     = "post.failed"
count  = "> 5 in 10m"
once   = "1h"
mode   = "queued"
quiet  = "22:00-08:00 Europe/Istanbul"
mutes  = ["other", "another"]
canary = "1d"
budget = "50 per hour"
do = [
  { alert = "ops", title = "x", group = "1m", repeat = "4h" },
  { set = { stage = "late", owner = "ops" } },
  { wait = ["cms.acked", "cms.refused"], at_most = "24h", else = "late" },
  { run = "tell" },
]
resolved = [{ reconcile = "post" }]
[rule.long.branch]
late = [{ pause = "other", for = "1h" }]
[workflow.tell]
do = [{ wait = "ops.seen", at_most = "5m", else = "louder" }]
[workflow.tell.branch]
louder = [{ alert = "ops", title = "y" }]
[rule.other]
on = "post.removed"
do = [{ reconcile = "post" }]
[rule.another]
every = "weekdays 09:00 UTC"
over  = { events = ["post.published", "post.failed"] }
do    = [{ send = "ops", body = "x" }]
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"> 5 in 10m"', '">= 6 in 600s"'),
        ('"1d"', '"24h"'),
        ('"50 per hour"', '"50 in 1h"'),
        ('["other", "another"]', '["another", "other"]'),
        ('group = "1m"', "group = true"),
        ('stage = "late", owner = "ops"', 'owner = "ops", stage = "late"'),
        ('["cms.acked", "cms.refused"]', '["cms.refused", "cms.acked"]'),
        ('"22:00-08:00 Europe/Istanbul"', '"day 22:00-08:00 Europe/Istanbul"'),
    ],
)
def test_the_same_in_other_words_keeps_the_revision(before: str, after: str) -> None:
    assert before in LONG
    assert revision(LONG.replace(before, after)) == revision(LONG)


EDITS = [
    ('"> 5 in 10m"', '"> 6 in 10m"'),
    ('once   = "1h"', 'once   = "2h"'),
    ('"queued"', '"restart"'),
    ('"22:00-08:00 Europe/Istanbul"', '"22:00-07:00 Europe/Istanbul"'),
    ('"22:00-08:00 Europe/Istanbul"', '"22:00-08:00 Europe/Athens"'),
    ('["other", "another"]', '["other"]'),
    ('"1d"', '"2d"'),
    ('"50 per hour"', '"60 per hour"'),
    ('group = "1m", ', ""),
    ('repeat = "4h"', 'repeat = "5h"'),
    ('stage = "late"', 'stage = "later"'),
    ('owner = "ops"', 'owner2 = "ops"'),
    ('at_most = "24h"', 'at_most = "25h"'),
    ('for = "1h"', 'for = "2h"'),
    ('pause = "other"', 'pause = "another"'),
    ('resolved = [{ reconcile = "post" }]', ""),
    ('title = "y"', 'title = "z"'),
]
RENAMED = LONG.replace('else = "late"', 'else = "later"').replace("late = [", "later = [")


def test_each_real_edit_of_a_long_rule_makes_a_revision_of_its_own() -> None:
    texts = [LONG, RENAMED, *(LONG.replace(before, after) for before, after in EDITS)]
    assert len(set(texts)) == len(texts)
    found = [revision(text) for text in texts]
    assert len(set(found)) == len(found)


def test_a_rule_keeps_its_revision_whatever_other_rules_say() -> None:
    assert revision(LONG.replace("weekdays 09:00", "day 10:00")) == revision(LONG)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("weekdays 09:00", "weekdays 09:30"),
        ('"post.published", "post.failed"', '"post.published"'),
        (
            'events = ["post.published", "post.failed"] }',
            'events = ["post.published", "post.failed"] }\nempty = "skip"',
        ),
    ],
)
def test_a_rule_by_the_clock_has_its_revision_too(before: str, after: str) -> None:
    one, other = (load_text(text).rules[2].revision for text in (LONG, LONG.replace(before, after)))
    assert one != other


def test_another_text_of_a_template_is_another_meaning(tmp_path: Path) -> None:
    text = '[rule.a]\non = "post.failed"\ndo = [{ send = "ops", template = "a.md.j2" }]'
    (tmp_path / "templates").mkdir()

    def of(said: str) -> str:
        (tmp_path / "templates" / "a.md.j2").write_text(said)
        return revision(text, tmp_path)

    one = of("one {{ post.id }}")
    assert of("two {{ post.id }}") != one
    assert of("one {{ post.provider }}") != one
    assert of("one post.id") != one
    assert of("one {{post.id}}") == one


def test_the_file_of_a_rule_is_no_part_of_its_meaning(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text("\n\n" + LONG)
    assert [rule.revision for rule in load_rules(tmp_path).rules] == [rule.revision for rule in load_text(LONG).rules]
