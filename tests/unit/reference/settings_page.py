"""docs/reference/settings.md: every section and key, as the models of the settings declare them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from tests.unit.provider_page import rows
from tracker.domain.accounts import AccountState
from tracker.domain.duration import format_duration
from tracker.domain.posts.event import State
from tracker.domain.rate import Rate
from tracker.settings import Channel, Endpoint, Provider, ReconcileJob, Settings, Webhook
from tracker.settings.commented import HEAD
from tracker.settings.jobs import Job
from tracker.settings.providers import Handshake
from tracker.settings.values import Section, Size, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

TITLE = "Settings"
NAMED: dict[str, type[Section]] = {"providers": Provider, "endpoints": Endpoint}
WORDS: dict[Any, str] = {
    int: "whole number", float: "number", str: "text", bool: "true or false", SecretStr: "secret", Path: "path",
    timedelta: "duration",
    Any: "value", State: "state", AccountState: "state of an account", Rate: "rate",
}  # fmt: skip


def made() -> str:
    """The whole page."""
    intro = " ".join(line.removeprefix("# ").strip() for line in HEAD.strip().splitlines())
    forms = (
        "A duration is written as in `30s`, `10m`, `1h30m` or `7d`, a size as in `1MiB`, a rate as in `100 per 15m`."
        " In an environment variable commas separate the values of a list; a hyphen in a name is `_` there, and"
        " capitals are small letters; a table is given entry by entry. `tracker init` writes a file with all of this."
    )
    return "\n\n".join([intro, forms, *_sections()])


def _sections() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if name == "channels":
            for kind in get_args(get_args(Channel)[0]):
                (word,) = get_args(kind.model_fields["kind"].annotation)
                yield from _section("channels.<name>", kind, f' of kind "{word}"')
        elif name == "jobs":
            yield from _jobs(field.annotation)
        elif name in NAMED:
            yield from _section(f"{name}.<name>", NAMED[name])
        else:
            yield from _section(name, field.annotation)
    yield from _section("providers.<name>.webhook", Webhook)
    yield from _section("providers.<name>.webhook.handshake", Handshake)


def _jobs(jobs: Any) -> Iterator[str]:
    lines = []
    for name, field in jobs.model_fields.items():
        default = field.default
        when = f'cron = "{default.cron}"' if default.cron else f'every = "{format_duration(default.every)}"'
        lines.append([f"`[jobs.{name}]`", field.description, f"`{when}`"])
    yield "## `[jobs.<name>]`\n\n" + rows(["job", "what it does", "default"], lines)
    yield "Each of them has these keys; a job of a name of your own says `kind` too, and is a `reconcile`."
    yield _table("jobs.<name>", Job)
    further = {name: field for name, field in ReconcileJob.model_fields.items() if name not in Job.model_fields}
    yield "`[jobs.reconcile]`, and jobs of your own, have these besides."
    yield rows(HEADINGS, [_line("jobs.<name>", name, field) for name, field in further.items()])


def _section(name: str, model: Any, beside: str = "") -> Iterator[str]:
    yield f"## `[{name}]`{beside}"
    yield _table(name, model)


HEADINGS = ("key", "type", "default", "what it is", "variable")


def _table(name: str, model: Any) -> str:
    told = [(key, field) for key, field in model.model_fields.items() if not isinstance(field.default, Section)]
    return rows(HEADINGS, [_line(name, key, field) for key, field in told])


def _line(section: str, key: str, field: FieldInfo) -> list[str]:
    key, kind = field.alias or key, _kind(field)
    entry = "__<NAME>" if kind.startswith("table") else ""
    variable = f"`TRACKER_{section}__{key}{entry}`".upper().replace(".", "__")
    return [f"`{key}`", kind, _default(field, kind), field.description or "", variable]


def _kind(field: FieldInfo) -> str:
    return "size" if get_args(Size)[1] in field.metadata else _type(field.annotation)


def _type(kind: Any) -> str:
    inner = [one for one in get_args(kind) if one is not NoneType]
    origin = get_origin(kind)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in inner)
    if origin is tuple:
        return f"list of {_plural(_type(inner[0]))}"
    if origin is dict:
        return f"table of {_plural(_type(inner[1]))}"
    if origin is UnionType or (origin is not None and hasattr(kind, "__metadata__")) or inner:
        return _type(inner[0])
    return WORDS[kind]


def _plural(word: str) -> str:
    return word if re.search(r"[`,]", word) else f"{word}s"


def _default(field: FieldInfo, kind: str) -> str:
    value = field.get_default(call_default_factory=False)
    if value is PydanticUndefined:
        return "*required*"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, timedelta):
        value = format_duration(value)
    if kind == "size":
        value = format_size(value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    return f"`{value}`" if value not in ("", None, {}) else ""
