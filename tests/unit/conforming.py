"""A provider of each kind, as the suite configures it, and what it makes of a body."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.unit.shapes import ARRIVAL
from tracker.domain.posts.event import LoggedEvent
from tracker.errors import Rejected
from tracker.providers import build_clients, build_providers
from tracker.providers.adapter import Adapter
from tracker.providers.answers import Answers
from tracker.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
SECRETS = ("a-secret-of-the-example", "the-one-before-it")
PATH = SECRETS[0]

NONE: Mapping[str, Any] = {}


class NotApplicable(Exception):
    """Why a kind has no such case."""


@cache
def example() -> str:
    """The section of the provider that the page declares, as JSON."""
    (text,) = re.findall(r"```toml\n(\[providers\.acme\]\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return json.dumps(tomllib.loads(text)["providers"]["acme"])


def configured(kind: str, more: Mapping[str, Any] = NONE) -> Settings:
    """A configuration with one provider of that kind, called as its kind; the tables of `more` go over its own."""
    section: dict[str, Any] = {"kind": kind, "api_url": "https://api.example.com"}
    if kind == "generic":
        section = json.loads(example())
    section |= {"api_key": "sk", "webhook_secrets": list(SECRETS)}
    section |= {key: section.get(key, {}) | value if isinstance(value, dict) else value for key, value in more.items()}
    return Settings.model_validate({"providers": {kind: section}})


def adapter_of(kind: str, more: Mapping[str, Any] = NONE) -> Adapter:
    """Its adapter; raises NotApplicable where it sends nothing."""
    adapter = build_providers(configured(kind, more)).get(kind)
    if adapter is None:
        raise NotApplicable("it sends no webhooks")
    return adapter


def answers_of(kind: str, more: Mapping[str, Any] = NONE) -> Answers:
    """What reads the answers of its API."""
    nobody: Any = None
    return build_clients(configured(kind, more), nobody, nobody)[kind].answers


def logged(adapter: Adapter, kind: str, body: bytes) -> list[LoggedEvent]:
    """The rows of the log that a delivery becomes."""
    reading = adapter.read({}, body)
    return [
        LoggedEvent(
            7, 0, kind, kind, reading.kind, post, part, reading.occurred_at, ARRIVAL, sha256(body).digest(), body
        )
        for part, post in enumerate(reading.posts)
    ]


def refused(act: Callable[[], object], *codes: str) -> None:
    """It is rejected, with one of the codes."""
    with pytest.raises(Rejected) as rejected:
        act()
    assert rejected.value.code in codes
