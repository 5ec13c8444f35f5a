"""The complete config.toml, written from the settings themselves, so that it cannot fall behind them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from tracker.settings.channels import AppriseChannel, EmailChannel, LogChannel, SlackChannel, WebhookChannel
from tracker.settings.endpoints import Endpoint
from tracker.settings.providers import Provider
from tracker.settings.sections import Settings
from tracker.settings.values import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

BARE = re.compile(r"[A-Za-z0-9_-]+")

HEAD = """\
# Every setting of tracker, with its default. Any value may be { env = "NAME" } or { file = "path" } instead;
# an environment variable TRACKER_SECTION__KEY goes over what stands here. Relative paths start from this folder.
"""

NAMED: dict[str, tuple[str, dict[str, type[Section]]]] = {
    "providers": (
        "Who tells us about posts: its webhooks arrive at /webhooks/<name>.",
        {"sosyalkopru": Provider},
    ),
    "channels": (
        'Where alerts go: { alert = "<name>" } in a rule. `tracker channels test <name>` sends one.',
        {
            "ops": SlackChannel,
            "team": EmailChannel,
            "oncall": WebhookChannel,
            "phone": AppriseChannel,
            "journal": LogChannel,
        },
    ),
    "endpoints": (
        'Where { send = "<name>" } goes, signed as Standard Webhooks say.',
        {"cms": Endpoint},
    ),
}


def commented_config() -> str:
    """config.toml with every setting, its default and a line of why; sections named freely are given as examples."""
    parts = [HEAD]
    for name, field in Settings.model_fields.items():
        if name in NAMED:
            parts.append("\n".join(_example(name)))
        elif name == "jobs":
            parts += ["\n".join(_job(job, inner)) for job, inner in _fields(field.annotation)]
        else:
            parts.append("\n".join([f"[{name}]", *_section(field.annotation)]))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _fields(model: Any) -> list[tuple[str, FieldInfo]]:
    return list(model.model_fields.items())


def _section(model: Any) -> Iterator[str]:
    defaults = model().model_dump(mode="json")
    for name, field in _fields(model):
        yield f"# {field.description}"
        yield f"{name} = {_toml(defaults[name])}"


def _job(name: str, field: FieldInfo) -> Iterator[str]:
    yield f"[jobs.{name}]"
    yield f"# {field.description} Give every or cron (with timezone)."
    for key, value in field.default.model_dump(mode="json", exclude_defaults=True).items():
        yield f"{key} = {_toml(value)}"


def _example(section: str) -> Iterator[str]:
    """Sections that exist only where the operator writes them, so they stand behind #."""
    why, models = NAMED[section]
    yield f"# {why}"
    for name, model in models.items():
        yield from _example_table(f"{section}.{name}", model)


def _example_table(name: str, model: Any) -> Iterator[str]:
    """A table, and those within it after all else."""
    yield f"# [{name}]"
    within = {key: field for key, field in _fields(model) if isinstance(field.default, Section)}
    for key, field in _fields(model):
        if key not in within:
            yield f"# ## {field.description}"
            yield f"# {field.alias or key} = {_toml(field.examples[0] if field.examples else _default(field))}"
    for key, field in within.items():
        yield f"# ## {field.description}"
        yield from _example_table(f"{name}.{key}", field.annotation)


def _default(field: FieldInfo) -> Any:
    value = field.default
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, tuple | dict | int) else str(value)


def _toml(value: Any) -> str:
    if isinstance(value, str) and value.startswith("$"):
        return f'{{ env = "{value[1:]}" }}'
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(inner) for inner in value)}]"
    if isinstance(value, dict):
        return (
            f"{{ {', '.join(f'{_key(name)} = {_toml(inner)}' for name, inner in value.items())} }}" if value else "{}"
        )
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
