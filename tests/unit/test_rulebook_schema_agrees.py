"""What loads fits the schema, and what does not load does not fit, but for what no JSON Schema can say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from jsonschema.exceptions import best_match

from tests.unit import test_rulebook_conflicts as conflicts
from tests.unit import test_rulebook_faults as faulty
from tests.unit import test_rulebook_nouns as nouns
from tests.unit import test_rulebook_telling as telling
from tests.unit import test_rulebook_together as together
from tests.unit.rule_examples import EXAMPLES
from tests.unit.rule_mistakes import MISTAKES as SLIPS
from tracker.rulebook import Known, load_text
from tracker.rulebook.schema import schema

KNOWN = Known(channels={"ops", "web", "boss"}, endpoints={"cms"}, providers={"sosyalkopru"})
VALIDATOR = Draft4Validator(schema())
DOCS = Path(__file__).parents[2] / "docs"
SNIPPETS = [
    text
    for page in sorted(DOCS.rglob("*.md"))
    for text in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    if re.search(r"^\[(rule|workflow)\.", text, re.MULTILINE)
]
BEYOND = {
    "an expression": r"\.when: |\{\{",
    "a hole of a text": r"would go out as it stands|never closed",
    "a line of a timeline": r"timeline: ",
    "a name of this installation": r'there is no (channel|endpoint|provider|workflow|rule|branch|file|post) ?"?',
    "what steps come to, one after another": (
        r"never reached|never comes to an end|without end|steps in all|never heard|cannot retry|retries? the same"
        r"|side by side|used up"
    ),
    "the same word under two keys": r"the same word stands|has happened before anybody waits",
    "which rule this is": r"a rule cannot (pause|resume|mute) itself|the very rule that runs it|of that name already",
    "a slip for a state, a platform or a zone": r"is not a state|is no platform|is no time zone|match has no",
    "what rules themselves do": r"what rules did|its own actions|\"action\.dead\"",
    "whether a span is more than nothing": r"longer than nothing|too often",
    "a verb with what the rule counts as one": r"concerns a post or a target|does not go with \"every\"",
    "what a verb needs of the trigger": r"needs an end|needs a state that can be left",
    "what a text reads": r"is always empty here|does not fit here",
    "what an answer is called, and who gives it": (
        r"the noun of an answer|is the answer of another step|which answers nothing|nobody has been asked yet"
    ),
    "all rules and one more": r"name no others beside it",
    "a time that the clocks leave out": r"the clocks go forward|no day of the calendar|too far away",
    "what a share is of": r"a share is of many|what is counted itself|a share is of one state",
    "what lies beyond a form": r"never comes:|is never over|begins a row anew|longest wait in all",
}
"""Kinds of mistakes that a JSON Schema cannot say, and by what their messages are known."""


def mistakes() -> dict[str, str]:
    """Every text of the suite that is refused and that TOML can read, by where it stands."""
    lists: dict[str, Mapping[str, Any]] = {
        "keys": faulty.KEYS, "triggers": faulty.TRIGGERS, "matches": faulty.MATCHES, "tests": faulty.TESTS,
        "branches": conflicts.BRANCHES, "workflows": conflicts.WORKFLOWS,
        "names": conflicts.NAMES, "clock": conflicts.CLOCK, "ends": conflicts.ENDS, "turns": conflicts.TURNS,
        "retries": conflicts.RETRIES, "nouns": nouns.UNBOUND,
    }  # fmt: skip
    found: dict[str, str] = {f"{kind}: {name}": one[0] for kind, some in lists.items() for name, one in some.items()}
    found |= {f"slips: {slip.name}": slip.file for slip in SLIPS if load_text(slip.file, "r.toml", KNOWN).faults}
    found |= {f"conditions: {name}": faulty.ALERT + one[0] for name, one in faulty.CONDITIONS.items()}
    found |= {f"steps: {name}": faulty.HEAD + one[0] for name, one in faulty.STEPS.items()}
    found |= {f"stray: {name}": telling.written(*one[:2]) for name, one in telling.STRAY.items()}
    found |= {f"together: {name}": together.written(*one[:3]) for name, one in together.MISTAKES.items()}
    found |= {f"starts: {name}": together.beginning(one[0]) for name, one in together.IMPOSSIBLE.items()}
    return {name: text for name, text in found.items() if _is_toml(text)}


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def fits(text: str) -> bool:
    return VALIDATOR.is_valid(tomllib.loads(text))


MISTAKES = mistakes()


@pytest.mark.parametrize("text", MISTAKES.values(), ids=MISTAKES.keys())
def test_what_does_not_load_does_not_fit_or_is_beyond_a_schema(text: str) -> None:
    faults = [str(fault) for fault in load_text(text, "r.toml", KNOWN).faults]
    assert faults
    if fits(text):
        said = [fault for fault in faults if not any(re.search(known, fault) for known in BEYOND.values())]
        assert said == []


@pytest.mark.parametrize("known", BEYOND.values(), ids=BEYOND.keys())
def test_each_kind_that_is_beyond_a_schema_is_there(known: str) -> None:
    told = [str(f) for text in MISTAKES.values() if fits(text) for f in load_text(text, "r.toml", KNOWN).faults]
    assert any(re.search(known, fault) for fault in told)


@pytest.mark.parametrize("text", [*EXAMPLES.values(), *SNIPPETS], ids=range(len(EXAMPLES) + len(SNIPPETS)))
def test_what_loads_fits(text: str) -> None:
    known = [fault for fault in load_text(text).faults if "under templates/" not in str(fault)]
    known = [fault for fault in known if "there are no files" not in str(fault)]
    if not known:
        assert [error.message for error in VALIDATOR.iter_errors(tomllib.loads(text))] == []


WRONG_STEPS = {
    '{ alert = "ops", title = "x", bdy = "y" }': "bdy",
    '{ retry = "publish", title = "x" }': "title",
    '{ wait = "cms.acked", at_mst = "1h" }': "at_mst",
    '{ allert = "ops", title = "x" }': "allert",
    '{ alert = "ops" }': "title",
    '{ retry = "publish", else = "late" }': "when",
}


@pytest.mark.parametrize(("step", "key"), WRONG_STEPS.items(), ids=WRONG_STEPS.values())
def test_the_wrong_key_of_a_step_is_named(step: str, key: str) -> None:
    text = f'[rule.a]\non = "post.failed"\ndo = [{step}]\n[rule.a.branch]\nlate = [{{ reconcile = "post" }}]'
    error = best_match(VALIDATOR.iter_errors(tomllib.loads(text)))
    assert error is not None
    assert f"'{key}'" in error.message


def described(part: object, path: str = "") -> list[str]:
    """Where a property has no description."""
    if isinstance(part, list):
        return [one for place, inner in enumerate(part) for one in described(inner, f"{path}/{place}")]
    if not isinstance(part, dict):
        return []
    own = [
        f"{path}/{name}" for name, inner in part.get("properties", {}).items()
        if "description" not in inner and part.get("additionalProperties") is False
    ]  # fmt: skip
    return own + [one for name, inner in part.items() for one in described(inner, f"{path}/{name}")]


def test_every_property_is_described() -> None:
    assert described(schema()) == []


NAMES = {
    "channels": ["ops"], "addressees": ["cms", "ops"], "providers": ["sosyalkopru"], "attributes": ["campaign"],
    "rules": ["failed"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "right"),
    [
        ("", "", True),
        ('alert = "ops"', 'alert = "opps"', False),
        ('send = "cms"', 'send = "cm"', False),
        ('send = "cms"', 'send = "ops"', True),
        ('pause = "failed"', 'pause = "a-new-one"', True),
        ('provider = "sosyal*"', 'provider = "*"', True),
        ('campaign = "x"', "campaign = 1", True),
    ],
)
def test_the_names_of_an_installation_are_offered_and_its_channels_are_all_there_are(
    before: str, after: str, right: bool
) -> None:
    """A rule or a glob that is only being written must not be refused."""
    text = """
[rule.failed]
on    = "post.failed"
match = { provider = "sosyal*" }
do    = [{ alert = "ops", title = "x" }, { send = "cms" }]

[rule.other]
on = "post.removed"
do = [{ pause = "failed", for = "1h" }]

[[test]]
rule     = "failed"
given    = { attributes = { campaign = "x" } }
timeline = "0s ! alert"
"""
    assert before in text
    assert Draft4Validator(schema(NAMES)).is_valid(tomllib.loads(text.replace(before, after))) is right
