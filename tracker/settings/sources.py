"""Where settings come from: the file, its references to the environment and to files, and TRACKER_… overrides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from tracker.errors import Misconfigured, did_you_mean
from tracker.toml import key_text, parse, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

Key = tuple[str, ...]

PREFIX = "TRACKER_"
LARGEST_VALUE = 2**16
"""Bytes of a file that a setting refers to."""

UNKNOWN = "?"
"""In place of a value that is not to be had."""


class Origins(Struct):
    """Which line of which file, or which environment variable, has set a key."""

    file: str = ""
    lines: dict[Key, int] = field(default_factory=dict)
    variables: dict[Key, str] = field(default_factory=dict)

    def fault(self, key: Key, message: str) -> Misconfigured:
        """The operator's error about `key`, at the nearest place that is known."""
        for length in range(len(key), 0, -1):
            if name := self.variables.get(key[:length]):
                return Misconfigured(message, file="environment", key=f"{name} ({key_text(key)})")
            if line := self.lines.get(key[:length]):
                return Misconfigured(message, file=self.file, line=line, key=key_text(key))
        return Misconfigured(message, file=self.file, key=key_text(key))


def read_file(path: Path) -> tuple[dict[str, Any], Origins]:
    """The tables of a TOML file, and the line of each of their keys; elements of arrays count as keys "0", "1" …"""
    if not (path.exists() or path.is_symlink()):
        raise Misconfigured("there is no such file (`tracker init` writes one)", file=str(path))
    document = parse(read_text(path), str(path))
    positions = document.positions
    lines = {tuple(map(str, key)): positions.at(offset).line for key, offset in positions.keys.items()}
    return document.table, Origins(str(path), lines)


def overlay(data: dict[str, Any], origins: Origins, environ: Mapping[str, str]) -> list[tuple[Key, Misconfigured]]:
    """Put TRACKER_SECTION__KEY variables over what the file says, in place; answers those that fit nowhere."""
    faults: list[tuple[Key, Misconfigured]] = []
    for variable, text in sorted(environ.items()):
        parts = variable.removeprefix(PREFIX).lower().split("__")
        if variable.startswith(PREFIX) and "__" in variable and all(parts):
            try:
                _put(data, parts, text, variable, origins)
            except Misconfigured as error:
                faults.append((tuple(parts[:2]), error))
    return faults


def _put(data: dict[str, Any], parts: list[str], text: str, variable: str, origins: Origins) -> None:
    table = data
    key: Key = ()
    for part in parts[:-1]:
        name = _as_written(part, table)
        table, key = table.setdefault(name, {}), (*key, name)
        if not isinstance(table, dict):
            raise Misconfigured(f"{key_text(key)} is not a table", file="environment", key=variable)
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
        return read_text(folder / Path(name).expanduser(), LARGEST_VALUE).rstrip("\r\n")
    except (Misconfigured, RuntimeError, ValueError) as error:
        raise origins.fault(key, f'the file "{name}": {getattr(error, "message", error)}') from error
