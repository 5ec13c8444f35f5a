"""Where settings come from: the file, its references to the environment and to files, and TRACKER_… overrides."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracker.errors import Misconfigured, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Key = tuple[str, ...]

PREFIX = "TRACKER_"

UNKNOWN = "?"
"""In place of a value that is not to be had."""


@dataclass(slots=True)
class Origins:
    """Which line of which file, or which environment variable, has set a key."""

    file: str = ""
    lines: dict[Key, int] = field(default_factory=dict)
    variables: dict[Key, str] = field(default_factory=dict)

    def fault(self, key: Key, message: str) -> Misconfigured:
        """The operator's error about `key`, at the nearest place that is known."""
        for length in range(len(key), 0, -1):
            if name := self.variables.get(key[:length]):
                return Misconfigured(message, file="environment", key=f"{name} ({'.'.join(key)})")
            if line := self.lines.get(key[:length]):
                return Misconfigured(message, file=self.file, line=line, key=".".join(key))
        return Misconfigured(message, file=self.file, key=".".join(key))


def read_file(path: Path) -> tuple[dict[str, Any], Origins]:
    """The tables of a TOML file, and the line of each of their keys."""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), Origins(str(path), key_lines(text))
    except FileNotFoundError as error:
        raise Misconfigured("there is no such file (`tracker init` writes one)", file=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"cannot be read: {error}", file=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        what, line, column = _place(str(error))
        raise Misconfigured(f"is not TOML: {what}", file=str(path), line=line, column=column) from error


def _place(message: str) -> tuple[str, int | None, int | None]:
    match = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    return (match[1], int(match[2]), int(match[3])) if match else (message, None, None)


def key_lines(text: str) -> dict[Key, int]:
    """The line on which each key of a valid TOML text is written; elements of arrays count as keys "0", "1" …"""
    lines: dict[Key, int] = {}
    table: Key = ()
    for number, statement in _statements(text):
        paths = list(_paths(tomllib.loads(statement)))
        if statement.lstrip().startswith("["):
            table = paths[-1]
            lines.setdefault(table, number)
        else:
            lines.update({(*table, *path): number for path in paths})
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each header or assignment with its line: the fewest lines that are TOML by themselves."""
    pending, began = "", 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        began = began if pending else number
        pending += line
        try:
            found = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        if found:
            yield began, pending
        pending = ""


def _paths(value: Any, above: Key = ()) -> Iterator[Key]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*above, str(name))
        yield from _paths(inner, (*above, str(name)))


def overlay(data: dict[str, Any], origins: Origins, environ: Mapping[str, str]) -> None:
    """Put TRACKER_SECTION__KEY variables over what the file says, in place."""
    for variable, text in sorted(environ.items()):
        parts = variable.removeprefix(PREFIX).lower().split("__")
        if not variable.startswith(PREFIX) or "__" not in variable or not all(parts):
            continue
        table = data
        key: Key = ()
        for part in parts[:-1]:
            name = _as_written(part, table)
            table, key = table.setdefault(name, {}), (*key, name)
            if not isinstance(table, dict):
                raise Misconfigured(f"{'.'.join(key)} is not a table", file="environment", key=variable)
        name = _as_written(parts[-1], table)
        table[name] = text
        origins.variables[(*key, name)] = variable


def _as_written(part: str, table: dict[str, Any]) -> str:
    """Variables have neither case nor hyphens: the name in the file that differs only in those, or the part itself."""
    return next((name for name in table if name.lower().replace("-", "_") == part), part)


def resolve(
    value: Any,
    origins: Origins,
    environ: Mapping[str, str],
    folder: Path,
    faults: dict[Key, Misconfigured],
    key: Key = (),
) -> Any:
    """`value` with every { env = … } and { file = … } replaced by what it names; one that names nothing is a fault."""
    if isinstance(value, list):
        return [resolve(inner, origins, environ, folder, faults, (*key, str(n))) for n, inner in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if key and value.keys() & {"env", "file"}:
        try:
            return _referred(value, origins, environ, folder, key)
        except Misconfigured as fault:
            faults[key] = fault
            return UNKNOWN
    return {name: resolve(inner, origins, environ, folder, faults, (*key, name)) for name, inner in value.items()}


def _referred(value: dict[str, Any], origins: Origins, environ: Mapping[str, str], folder: Path, key: Key) -> str:
    if len(value) > 1:
        raise origins.fault(key, "give either { env = … } or { file = … }, and nothing beside it")
    kind, name = next(iter(value.items()))
    if not isinstance(name, str) or not name:
        raise origins.fault(key, f"{{ {kind} = … }} needs a name in quotes")
    if kind == "env":
        if name not in environ:
            near = did_you_mean(name, environ)
            raise origins.fault(key, f"the environment variable {name} is not set{near}")
        return environ[name]
    try:
        return (folder / Path(name).expanduser()).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise origins.fault(key, f'the file "{name}" cannot be read: {reason}') from error
