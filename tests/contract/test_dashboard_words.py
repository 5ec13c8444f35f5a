"""The languages of the dashboard: each says all that there is to say, and a visitor gets the right one."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from tests.contract.dashboard import dashboard
from tracker.dashboard.language import LANGUAGES, TEXTS, preferred
from tracker.dashboard.quarantine import REASONS
from tracker.dashboard.rendering import PAGES, TEMPLATES
from tracker.domain import plans
from tracker.domain.actions import Reason
from tracker.domain.drift.findings import Drift
from tracker.domain.posts.event import State
from tracker.domain.runs.engine_state import Outcome
from tracker.domain.runs.run import Phase, RunState
from tracker.facts.own_facts import OWN_EVENTS
from tracker.providers import adapter, signature
from tracker.queries import actions, checkup, provider_health, reconciliations
from tracker.queries.provider_health import STANDINGS
from tracker.settings import Jobs
from tracker.store.database import Database
from tracker.store.log import quarantine

ENGLISH = TEXTS["en"].texts

each_language = pytest.mark.parametrize("code", LANGUAGES)


def holes(text: str) -> set[str]:
    """The names of the values that a text is given."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@each_language
def test_every_language_says_the_same_with_the_same_values(code: str) -> None:
    texts = TEXTS[code].texts
    assert texts.keys() == ENGLISH.keys()
    assert {name: holes(text) for name, text in texts.items()} == {n: holes(text) for n, text in ENGLISH.items()}
    assert not [name for name, text in texts.items() if '"' in text or not text.strip()]


@each_language
@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("state", State),
        ("run", RunState),
        ("reason", Reason),
        ("action_state", actions.STATES),
        ("outcome", Outcome),
        ("attempt", ("done", "retry", "discard", "unknown", "lost")),
        ("phase", Phase),
        ("rule_state", ("on", "off", "canary")),
        ("step_state", ("done", "current", "ahead", "left")),
        ("event", OWN_EVENTS),
        ("drift", Drift),
        ("plan_state", plans.STATES),
        ("passed_over", plans.REASONS),
        ("held_state", quarantine.STATES),
        ("held_reason", REASONS),
        ("round_state", reconciliations.STATES),
        ("standing", STANDINGS),
        ("job", Jobs().by_name),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_word_of_ours_has_a_name(code: str, group: str, words: tuple[str, ...]) -> None:
    assert not [word for word in words if f"{group}.{word}" not in TEXTS[code].texts]


def test_every_reason_for_which_a_door_refuses_is_known() -> None:
    """So that the quarantine can be filtered by it, and says it in the reader's language."""
    sources = [Path(module.__file__ or "").read_text("utf-8") for module in (adapter, signature)]
    refused = {code for source in sources for code in re.findall(r'Rejected\(\s*"(\w+)"', source)}
    assert refused
    assert refused <= set(REASONS)


def test_every_text_is_said_somewhere() -> None:
    """What no template and no group of words uses is left out of the files."""
    assert PAGES.loader is not None
    source = "\n".join(PAGES.loader.get_source(PAGES, name)[0] for name in TEMPLATES)
    source += "\n".join(Path(module.__file__ or "").read_text("utf-8") for module in (checkup, provider_health))
    groups = {
        "state", "action_state", "verb", "outcome", "run", "attempt", "reason", "event", "note", "done", "error",
        "unit", "rule_state", "phase", "step_state", "sentence",
        "plan_state", "passed_over",
    }  # fmt: skip
    groups |= {"held_state", "held_reason", "round_state", "standing", "reader", "account_state", "problem"}
    built = [*re.findall(r'"(\w+\.(?:\w+_)?)(?:" \+|\{)', source), "actions.", "posts.", "post."]
    built += [f"{page}.{way}" for page in ("rules", "rule", "runs") for way in ("older", "newest")]
    unsaid = [
        name
        for name in ENGLISH
        if name.partition(".")[0] not in groups and f'"{name}"' not in source and f"'{name}'" not in source
        if not any(name.startswith(start) for start in built)
    ]
    assert not unsaid


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("tr", "tr"),
        ("tr-TR,tr;q=0.9,en;q=0.8", "tr"),
        ("de-DE,de;q=0.9,tr;q=0.5,en;q=0.3", "tr"),
        ("en;q=0.2,tr;q=0.1", "en"),
        ("fr", "en"),
        ("", "en"),
        (";;q=,tr;q=x,*", "en"),
    ],
)
def test_the_browser_says_which_language_it_likes(accepted: str, code: str) -> None:
    assert preferred(accepted) == code


@pytest.mark.anyio
async def test_the_language_is_chosen_by_hand_and_remembered(database: Database) -> None:
    async with dashboard(database, open_here=True) as client:
        assert '<html lang="en">' in (await client.get("/posts")).text
        answer = await client.post("/language", data={"language": "tr", "then": "/posts?state=failed"})
        assert answer.headers["Location"] == "/posts?state=failed"
        page = (await client.get("/posts")).text
        assert '<html lang="tr">' in page
        assert "Gönderiler" in page
        assert "set-cookie" not in (await client.post("/language", data={"language": "xx"})).headers
