"""How answers look: aligned tables for people, JSON for machines, and a bar while something takes long."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import typer

from tracker.domain.duration import format_duration
from tracker.errors import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Explained(Protocol):
    """Something that went wrong."""

    @property
    def code(self) -> str: ...

    @property
    def message(self) -> str: ...


NOTHING = "-"
GAP = "  "


def say(text: str, aside: bool = False) -> None:
    """Lines for people; what is said `aside` is no part of the answer."""
    for line in text.splitlines():
        typer.echo(printable(line), err=aside)


def counted(number: int, thing: str) -> str:
    """How many of something there are, in words."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def show_json(value: object, *, on_one_line: bool = False) -> None:
    """The value as JSON."""
    import msgspec  # noqa: PLC0415  (only where it is needed)

    text = msgspec.json.encode(value)
    typer.echo(_escaped((text if on_one_line else msgspec.json.format(text, indent=2)).decode()))


def _escaped(json: str) -> str:
    """JSON with those control characters escaped that JSON allows and a terminal may obey."""
    return re.sub("[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", json)


def show_list(items: Sequence[object], following: str | None = None) -> None:
    """A list as the API gives it."""
    show_json({"items": items, "next": following})


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under their headings, each column as wide as it must be; on a terminal, a line ends at its edge."""
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415  (only where it is needed)

    lines = [[*headings], *([written(value) for value in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines:
        text = GAP.join(set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip()
        typer.echo(set_cell_size(text, room).rstrip() if room else text)


def show_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values below one another; those without a value are left out."""
    known = [(name, value) for name, value in pairs if value not in (None, "", [], ())]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        typer.echo(f"{name:<{width}}{GAP}{written(value)}")


def in_words(name: str, value: object) -> Iterator[tuple[str, object]]:
    """A record as pairs: what stands inside it under its own name, one line for each, and longer lists as JSON."""
    if isinstance(value, Mapping):
        for inner, further in value.items():
            yield from in_words(f"{name} {inner}", further)
    elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
        import msgspec  # noqa: PLC0415  (only where it is needed)

        yield name, msgspec.json.encode(value).decode()
    else:
        yield name, value


def written(value: object) -> str:
    """A value as people read it; what a provider said cannot move the cursor."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(written, value)) or NOTHING
    return printable(str(value))


def explained(error: Explained | None) -> str | None:
    """What went wrong, with its code."""
    return f"{error.code}: {error.message}".removesuffix(": ") if error else None


def listed(named: Mapping[str, str]) -> list[str]:
    """Names with their values, as they are written on the command line."""
    return [f"{name}={text}" for name, text in sorted(named.items())]


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Something to tell (done, all of it); it draws a bar on a terminal, and nothing elsewhere."""
    from rich.console import Console  # noqa: PLC0415  (only where it is needed)
    from rich.progress import Progress  # noqa: PLC0415  (as above)

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
