"""The rule files of an installation, checked against what its configuration names and its providers can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.actions import CHANGES_A_POST
from tracker.providers.new_post import places_of
from tracker.providers.registry import KINDS
from tracker.rulebook.context import RECREATE, Known
from tracker.rulebook.loading import Rulebook, load_edited, load_rules, load_text

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tracker.settings import Settings


def read_rules(settings: Settings, folder: Path | None = None) -> Rulebook:
    """The rules of that folder, else of the configured one, checked against the names in the configuration."""
    return load_rules(folder or settings.rules.dir, _known(settings))


def read_text(settings: Settings, text: str, file: str, others: Collection[str]) -> Rulebook:
    """The rules of one text, called `file` in faults, that are to stand beside `others` in the configured folder."""
    return load_text(text, file, _known(settings), settings.rules.dir, others)


def read_edited(settings: Settings, name: str, text: str) -> Rulebook:
    """What the rules of the configured folder would be if its file `name` had that text."""
    return load_edited(settings.rules.dir, name, text, _known(settings))


def names_in(settings: Settings) -> dict[str, Collection[str]]:
    """What rule files of this installation can name, by what it is of (`Key.of`)."""
    known, attributes = _known(settings), {name for one in settings.providers.values() for name in one.attributes}
    return {
        "channels": known.channels or (), "addressees": known.addressees or (), "providers": known.providers or (),
        "attributes": attributes, "rules": read_rules(settings).places.keys(),
    }  # fmt: skip


def _known(settings: Settings) -> Known:
    channels, endpoints = settings.names("channels"), settings.names("endpoints")
    retrying = [name for name, provider in settings.providers.items() if provider.retry != "never"]
    verbs = {name: _verbs(settings, name) for name, provider in settings.providers.items() if provider.kind in KINDS}
    return Known(
        channels, endpoints, settings.providers.keys(), settings.rules.budget, retrying, settings.server.public_url,
        bool(settings.server.link_secret.get_secret_value()), verbs,
    )  # fmt: skip


def _verbs(settings: Settings, name: str) -> list[str]:
    """What rules can have changed at the provider; also RECREATE, where it is known what a post is made of."""
    provider = settings.providers[name]
    calls = {call: told.text for call, told in KINDS[provider.kind].calls.items()} | provider.calls
    there = [verb for verb in CHANGES_A_POST if calls.get(verb) and (verb != "create" or places_of(settings, name))]
    return [*there, RECREATE] if provider.recreate and calls.get("get") else there
