"""From file and environment to Settings, with every fault told by file, line, key and nearest right word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from tracker.errors import Misconfigured, did_you_mean
from tracker.settings.channels import Channel
from tracker.settings.jobs import Jobs, NamedJob
from tracker.settings.sections import Settings
from tracker.settings.sources import PREFIX, Origins, overlay, read_file, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from tracker.settings.sources import Key

    Misplaced = tuple[Key, Misconfigured]
    """A fault of a channel or an endpoint, with its section and name; of another section, with that alone."""

LONGEST_QUOTE = 60
KINDS_OF = "channels"
"""The section whose tables differ by their kind; the place of a fault in them names the kind too."""

OPTIONAL = ("channels", "endpoints")
"""Sections of which a faulty table is left out: nothing is sent there, and everything else works."""

SECRET = frozenset({"api_key", "webhook_secrets", "secrets", "url", "token", "password"})


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings in `path`, else in TRACKER_CONFIG, else in ./config.toml, else the defaults.

    TRACKER_SECTION__KEY variables go over the file. A channel or endpoint that is faulty is left out, and named in
    `left_out`. Raises Misconfigured for the first fault of another kind, with one note for each further one.
    """
    named = path or (Path(environ[f"{PREFIX}CONFIG"]) if environ.get(f"{PREFIX}CONFIG") else None)
    chosen = named or Path("config.toml")
    data, origins = read_file(chosen) if named or chosen.exists() else ({}, Origins())
    folder = chosen.absolute().parent
    faults = overlay(data, origins, environ)
    unknown: dict[Key, Misconfigured] = {}
    data = {name: {} for name in Settings.model_fields} | resolve(data, origins, environ, folder, unknown)
    faults += [(place[:2], fault) for place, fault in unknown.items()]
    return _validated(data, origins, faults, folder, unknown)


def _validated(
    data: dict[str, Any], origins: Origins, faults: list[Misplaced], folder: Path, unknown: Collection[Key] = ()
) -> Settings:
    """The settings without the channels and endpoints that are faulty. Raises Misconfigured for other faults.

    Of values that are `unknown` it has been said already that they are.
    """
    wrong: list[Misplaced] = []
    try:
        settings = Settings.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        errors = [one for one in error.errors(include_url=False) if not _is_about(unknown, one)]
        wrong = [(tuple(map(str, one["loc"][:2])), _fault(one, data, origins)) for one in errors]
    faults = [*faults, *wrong]
    if any(place[0] not in OPTIONAL for place, _ in faults):
        raise _told([fault for _, fault in faults])
    if faulty := {place for place, _ in wrong} | {place[:2] for place in unknown}:
        for place in faulty:
            _leave_out(data, place)
        return _validated(data, origins, faults, folder)
    left_out: dict[str, list[Misconfigured]] = {}
    for place, fault in faults:
        left_out.setdefault(".".join(place), []).append(fault)
    return settings.found_in(origins, {name: tuple(some) for name, some in left_out.items()})


def _leave_out(data: dict[str, Any], place: Key) -> None:
    """A channel, or the section as a whole where it is no table."""
    if len(place) > 1 and isinstance(data[place[0]], dict):
        data[place[0]].pop(place[1], None)
    else:
        data[place[0]] = {}


def _is_about(unknown: Collection[Key], error: ErrorDetails) -> bool:
    """Whether the fault is that of a value which is not to be had."""
    place = tuple(str(part) for part in error["loc"])
    place = (*place[:2], *place[3:]) if place[0] == KINDS_OF else place
    return any(place[: len(key)] == key for key in unknown)


def _told(faults: Sequence[Misconfigured]) -> Misconfigured:
    first, *further = sorted(faults, key=lambda fault: fault.line or 0)
    for fault in further:
        first.add_note(str(fault))
    return first


def _fault(error: ErrorDetails, data: dict[str, Any], origins: Origins) -> Misconfigured:
    place = tuple(str(part) for part in error["loc"] if part != "[key]")
    key = place
    if place[0] == KINDS_OF and error["type"].startswith("union_tag"):
        key = (*place, "kind")
    elif place[0] == KINDS_OF:
        key = (*place[:2], *place[3:])
    elif place[0] == "jobs" and error["type"] == "missing":
        near = did_you_mean(place[1], known_keys(("jobs",)))
        return origins.fault(place[:2], f'there is no such job{near}; one of your own says kind = "reconcile"')
    return origins.fault(key, _message(error, place, key, data))


def _message(error: ErrorDetails, place: Key, key: Key, data: dict[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"there is no such setting{did_you_mean(key[-1], known_keys(place[:-1]))}"
    if kind in ("missing", "union_tag_not_found"):
        return "is required"
    if kind == "union_tag_invalid":
        known = re.findall(r"'([^']+)'", str(context["expected_tags"]))
        return f'"{context["tag"]}" is not known{did_you_mean(str(context["tag"]), known)}; known: {", ".join(known)}'
    if kind == "value_error":
        return str(context["error"])
    given = "" if SECRET & set(key) else _quoted(key, data)
    near = did_you_mean(given.strip('"'), re.findall(r"'([^']+)'", str(context.get("expected", ""))))
    wanted = error["msg"].replace("Input should be", "must be")
    return f"{wanted}{f', not {given}' if given else ''}{near}"


def _quoted(key: Key, data: Any) -> str:
    """The value that was given, where it is short enough to be shown."""
    for part in key:
        data = data.get(part) if isinstance(data, dict) else None
    return f'"{data}"' if isinstance(data, str | int | float) and len(str(data)) < LONGEST_QUOTE else ""


def known_keys(table: Key) -> list[str]:
    """The settings that may stand in the table; none where the names are free. A channel's kind follows its name."""
    model: Any = Settings
    for part in table:
        if isinstance(model, type) and issubclass(model, BaseModel):
            further = NamedJob if model is Jobs else None
            model = model.model_fields[part].annotation if part in model.model_fields else further
        elif model is Channel:
            kinds = get_args(get_args(Channel)[0])
            model = next((one for one in kinds if part in get_args(one.model_fields["kind"].annotation)), None)
        else:
            model = (get_args(model) or (None,))[-1]
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]
