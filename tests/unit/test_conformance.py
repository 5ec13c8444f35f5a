"""Every kind of provider, held to the same cases: what it sends, how it signs, and what its API answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.conformance import MEANINGS, check_case, read_or_refuse, reason
from tests.unit.conforming import NotApplicable, adapter_of, configured
from tests.unit.shapes import CASES, SHAPES
from tracker.errors import Misconfigured, Rejected
from tracker.providers.mapping import mapping, paths
from tracker.providers.registry import KINDS

DOORS = sorted(kind for kind, shapes in SHAPES.items() if not isinstance(shapes["published"], str))
MORE = [(kind, name) for kind, shapes in SHAPES.items() for name in shapes if name not in CASES]


def test_every_kind_shows_every_case_or_says_why_not() -> None:
    assert SHAPES.keys() == KINDS.keys()
    for kind, shapes in SHAPES.items():
        assert not CASES.keys() - shapes.keys(), kind


@pytest.mark.parametrize("name", MEANINGS)
@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_conformance(kind: str, name: str) -> None:
    """One cell of the table: what is tried holds, or it is said why it cannot be tried."""
    reason(kind, name)


@pytest.mark.parametrize(("kind", "name"), MORE)
def test_what_is_peculiar_to_a_kind(kind: str, name: str) -> None:
    check_case(kind, name)


HELD_ELSEWHERE = frozenset(
    {"attempt", "delivery", "webhooks", "credits", "plan", "requests", "credits_used", "period_end"}
)
"""What deliveries are numbered by is tried with each kind, and the usage and the list of webhooks with the client.

An answer's id of a post is read from lists alone.
"""


def declared(kind: str) -> list[tuple[str, str]]:
    """The places that a kind names, by the table in which they can be moved."""
    is_declared, section = KINDS[kind], configured(kind).providers[kind]
    fields = {name: place.path for name, place in is_declared.places.items()} | section.fields
    answers = {name: place.path for name, place in is_declared.answers.items()} | section.answers
    for variant, differs in is_declared.variants.items():
        fields |= {f"{variant}.{name}": place.path for name, place in differs.places.items()}
    named = [("fields", name) for name, path in fields.items() if path]
    named += [("answers", name) for name, path in answers.items() if path]
    unread = HELD_ELSEWHERE | (set() if "list" in is_declared.calls or kind == "generic" else {"post"})
    return [(table, name) for table, name in named if name not in (unread if table == "answers" else HELD_ELSEWHERE)]


def notices(kind: str, more: Mapping[str, Any]) -> bool:
    """Whether a case of the kind fails with that in its section."""
    for name in SHAPES[kind]:
        try:
            check_case(kind, name, more)
        except NotApplicable:
            continue
        except (AssertionError, Misconfigured, Rejected):
            return True
    return False


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_no_place_of_a_kind_can_be_lost_unnoticed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every value that a kind says it reads is read from a shape, and held to what the shape says.

    Reasons that are found where no kind says so are left out: they would hide the loss of a place.
    """
    monkeypatch.setattr(mapping, "REASONS", ())
    monkeypatch.setattr(paths, "CODES", ())
    assert not notices(kind, {})
    assert [f"{table}.{name}" for table, name in declared(kind) if not notices(kind, {table: {name: ""}})] == []


ADAPTERS = {kind: adapter_of(kind) for kind in DOORS}
WORDS = sorted(
    {step for adapter in ADAPTERS.values() for path in adapter.words.paths.values() for step in path}
    | {"platform", "name", "account", "TWITTER", "data", "message", "success", "id", "status"}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(["published", "ERROR", "true", "post.published", "2026-11-20 09:00", "1795165200"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip
EVENTS = ("post.published", "post.deleted", "post.platform.failed", "post.external.created", "scheduled",
          "social.post.result.created", "upload_completed", "publication.changed", "webhook.test")  # fmt: skip


def enveloped(event: str, inner: Any) -> Any:
    """A body that names an event everywhere where one may stand."""
    names = {"event": event, "type": event, "event_type": event, "action": event}
    return names | (inner if isinstance(inner, dict) else {"data": inner})


@pytest.mark.parametrize("kind", DOORS)
@given(st.binary() | st.builds(enveloped, st.sampled_from(EVENTS), JSON) | JSON)
def test_any_body_is_read_or_rejected(kind: str, body: Any) -> None:
    """Whatever a body holds, nothing but a rejection is raised, and what is read can be stored."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    read_or_refuse(ADAPTERS[kind], kind, content)
