"""How answers look: aligned tables for people, JSON for machines, and a bar while something takes long."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from tracker.cli.tables import GAP, NOTHING, laid_out
from tracker.domain.duration import format_duration
from tracker.errors import Misconfigured, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tracker.domain.posts.event import Problem
    from tracker.queries.paging import Page
    from tracker.queries.post_views import ErrorOut


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
    json = (text if on_one_line else msgspec.json.format(text, indent=2)).decode()
    # JSON allows some control characters that a terminal may obey.
    typer.echo(re.sub("[\x7f-\x9f]", lambda match: f"\\u{ord(match[0]):04x}", json))


def show_list(items: Sequence[object], following: str | None = None) -> None:
    """A list as the API gives it."""
    show_json({"items": items, "next": following})


def show_page(
    page: Page[Any],
    headings: Sequence[str],
    row: Callable[[Any], Sequence[object]],
    *,
    json: bool,
    csv: bool = False,
    below: Sequence[str] = (),
    less: Sequence[str] = (),
) -> None:
    """A page of a list as the API gives it, as JSON or CSV, or as a table, with how to have the next one.

    On a terminal times are told from now, and `below` and `less` say what gives way where it is narrow (`laid_out`).
    """
    if json:
        show_json(page)
        return
    if csv:
        from tracker.queries.tabular import csv_of  # noqa: PLC0415  (only where it is needed)

        if page.items:
            typer.echo(csv_of(type(page.items[0]), page.items), nl=False)
    else:
        rows: Iterable[Sequence[object]] = map(row, page.items)
        if sys.stdout.isatty():
            rows = ([from_now(value) if isinstance(value, datetime) else value for value in one] for one in rows)
        show_table(headings, rows, below=below, less=less)
    if page.next:
        say(f"there is more: --cursor {page.next}", aside=True)


def show_records(records: Sequence[object], columns: Sequence[str], *, json: bool) -> None:
    """Records as a list for machines, or some of their fields as a table."""
    if json:
        show_list(records)
    else:
        show_table(columns, ([_field(record, name) for name in columns] for record in records))


def _field(record: Any, name: str) -> object:
    return record.get(name) if isinstance(record, Mapping) else getattr(record, name)


def show_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, below: Sequence[str] = (), less: Sequence[str] = ()
) -> None:
    """Rows under their headings, each column as wide as it must be; on a terminal, none goes over its edge."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in laid_out(headings, [[*map(written, row)] for row in rows], room, below=below, less=less):
        typer.echo(line)


UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def from_now(at: datetime, now: datetime | None = None) -> str:
    """How long ago it was, or is ahead, in the largest unit of which there is one."""
    seconds = round(((now or datetime.now(UTC)) - at).total_seconds())
    length, unit = next((pair for pair in UNITS if abs(seconds) >= pair[0]), UNITS[-1])
    span = f"{abs(seconds) // length} {unit}"
    return f"in {span}" if seconds < 0 else f"{span} ago"


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


def explained(error: ErrorOut | Problem | None) -> str | None:
    """What went wrong, with its code."""
    return f"{error.code}: {error.message}".removesuffix(": ") if error else None


def listed(named: Mapping[str, str]) -> list[str]:
    """Names with their values, as they are written on the command line."""
    return [f"{name}={text}" for name, text in sorted(named.items())]


def write_text(file: Path, text: str, *, anew: bool = False) -> None:
    """Write a file; `anew`: with the folders around it, but over no other. Raises Misconfigured."""
    try:
        if anew:
            file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x" if anew else "w", encoding="utf-8") as written_to:
            written_to.write(text)
    except OSError as error:
        raise Misconfigured(f"cannot be written: {error.strerror}", file=str(file)) from error


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Something to tell (done, all of it); it draws a bar on a terminal, and nothing elsewhere."""
    from rich.console import Console  # noqa: PLC0415  (only where it is needed)
    from rich.progress import Progress  # noqa: PLC0415  (as above)

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
