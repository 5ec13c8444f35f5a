"""No text makes loading raise: whatever stands in a rule file is read or refused, in words and with a place."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tracker.rulebook import Known, load_text
from tracker.rulebook.grammar import RULE, STEPS

KNOWN = Known(channels={"ops", "web"}, endpoints={"cms"}, providers={"sosyalkopru"})

STEP_KEYS = ["state", "events", "x", *(key for keys in STEPS.values() for key in keys)]
WORDS = [
    "", "x", "a", "ops", "post.failed", "publishing", "1h", "> 5 in 10m", "weekdays 09:00 UTC", "{{ post.id }}",
    "publish",
]  # fmt: skip
JUNK = st.recursive(
    st.one_of(st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False), st.sampled_from(WORDS)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(STEP_KEYS), inner, max_size=4),
    max_leaves=6,
)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[ " + ", ".join(map(toml, value)) + " ]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


@given(st.dictionaries(st.sampled_from(list(RULE)), JUNK))
def test_whatever_stands_in_a_rule_is_refused_in_words_and_with_a_place(junk: dict[str, object]) -> None:
    text = "[rule.a]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in junk.items())
    book = load_text(text, "r.toml", KNOWN)
    assert book.faults or book.rules
    assert all(fault.line and fault.column and fault.key for fault in book.faults)


DOING = st.sampled_from(
    [
        '{ alert = "ops", title = "x" }', '{ alert = "ops", title = "x", resolves = true, repeat = "1h" }',
        '{ retry = "publish" }', '{ wait = "cms.acked", at_most = "1h", else = "late" }', '{ run = "w" }',
        '{ wait = "post.removed" }', '{ pause = "a", for = "1h" }', '{ set = { a = "" } }', '{ reconcile = "post" }',
        '{ wait = "x.y", at_most = "1h", else = "later" }', '{ resume = "b" }', '{ send = "cms" }', '{ run = "v" }',
    ]
)  # fmt: skip
DO = st.lists(DOING, min_size=1, max_size=3).map(lambda steps: f"[{', '.join(steps)}]")
PLAUSIBLE = st.fixed_dictionaries(
    {"do": DO},
    optional={
        "on": st.sampled_from(['"post.failed"', '"post.*"', '"* -> *"', '["a.b", "post.publishing"]']),
        "while": st.just('{ state = "publishing" }'),
        "for": st.just('"1h"'),
        "expect": st.sampled_from(['"post.published"', '"post.failed"', '"cms.acked"']),
        "within": st.just('"1h"'),
        "of": st.just('"post.failed_at"'),
        "every": st.sampled_from(['"1h"', '"monday 09:00 UTC"']),
        "over": st.just('{ events = "post.*" }'),
        "empty": st.just('"skip"'),
        "match": st.sampled_from(['{ state = "failed" }', '{ platform = "x" }']),
        "when": st.just('"post.attempt < 3"'),
        "per": st.sampled_from(['"account"', '"target"', '"provider"']),
        "count": st.just('"> 5 in 10m"'),
        "once": st.just('"1h"'),
        "mode": st.sampled_from(['"parallel"', '"queued"']),
        "quiet": st.just('"22:00-08:00 UTC"'),
        "mutes": st.sampled_from(['"a"', '["b", "c"]']),
        "cancel_on": st.sampled_from(['"post.removed"', '"post.failed"']),
        "exhausted": DO,
        "resolved": DO,
        "branch.late": DO,
        "branch.later": DO,
    },
)


@given(st.lists(PLAUSIBLE, min_size=1, max_size=3), DO, DO)
def test_whatever_is_put_together_loads_or_is_refused_with_a_place(
    rules: list[dict[str, str]], workflow: str, other: str
) -> None:
    text = f"[workflow]\nw.do = {workflow}\nv.do = {other}\nv.branch.late = {workflow}\n"
    for name, rule in zip("abc", rules, strict=False):
        text += f"[rule.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in rule.items())
    book = load_text(text, "r.toml", KNOWN)
    assert book.faults or len(book.rules) == len(rules)
    assert all(fault.line and fault.column and fault.key for fault in book.faults)
    assert len(book.index.by_id) == len(book.rules)


@given(st.text())
@example("a = 'x")
@example("[rule]\na = 1")
@example("[[rule]]")
@example("rule.a.do = [[]]")
@example("[rule.a]\r\non = 'x'\r\n")
def test_no_text_makes_loading_raise(text: str) -> None:
    load_text(text, "r.toml", KNOWN)
