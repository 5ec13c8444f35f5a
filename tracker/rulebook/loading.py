"""Rule files into rules: every fault with its file, line and column, and none of them stops the reading."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tracker.domain.dispatch import RuleIndex
from tracker.domain.rule import Rule
from tracker.errors import Misconfigured
from tracker.rulebook.across import rivals, strays
from tracker.rulebook.context import Context, Known
from tracker.rulebook.examples import RuleTest, read_test
from tracker.rulebook.excerpts import texts_of
from tracker.rulebook.grammar import FILE
from tracker.rulebook.pages import Pages
from tracker.rulebook.positions import Place, Positions, find_positions
from tracker.rulebook.reading import Faults, Table
from tracker.rulebook.rules import read_rule, read_workflow
from tracker.rulebook.workflows import Workflows

EVERYTHING_KNOWN = Known()
_TOML_FAULT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


@dataclass(frozen=True)
class Rulebook:
    """Everything that some rule files say. With faults it is not fit to be put in force; with warnings it is."""

    rules: tuple[Rule, ...] = ()
    tests: tuple[RuleTest, ...] = ()
    files: tuple[Path, ...] = ()
    faults: tuple[Misconfigured, ...] = ()
    warnings: tuple[Misconfigured, ...] = ()
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """The file and the line of each rule, by its id."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Each rule as it is written, with the workflows that it runs, by its id."""

    @cached_property
    def index(self) -> RuleIndex:
        """The enabled rules, ready for `decide`."""
        return RuleIndex(self.rules)


def load_rules(folder: Path, known: Known = EVERYTHING_KNOWN) -> Rulebook:
    """All rules of `folder`/*.toml; `known` are the names of channels, endpoints and providers to check against."""
    if not folder.is_dir():
        return Rulebook(faults=(Misconfigured("there is no such folder", file=str(folder), key="rules.dir"),))
    return _read([_opened(file) for file in sorted(folder.glob("*.toml"))], known, folder)


def load_text(
    text: str,
    file: str = "rules.toml",
    known: Known = EVERYTHING_KNOWN,
    folder: Path | None = None,
    others: Collection[str] = (),
) -> Rulebook:
    """The rules of one text; `file` is what faults call it.

    `folder` is that of the rules beside which it stands, `others` are ids of rules that it may name as well.
    """
    return _read([_parsed(text, file)], known, folder, others)


@dataclass(frozen=True, slots=True)
class _Document:
    """One file: its table, or nothing where the file itself is faulty."""

    file: str
    faults: Faults
    top: Table | None = None

    def named(self, key: str) -> dict[str, Table]:
        """The tables under `key` by their names."""
        tables = self.top.table(key) if self.top else None
        found = {name: tables.table(name) for name in tables.values} if tables else {}
        return {name: table for name, table in found.items() if table}


def _opened(file: Path) -> _Document:
    try:
        return _parsed(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        unread = Misconfigured(f"cannot be read: {reason}", file=str(file))
        return _Document(str(file), Faults(str(file), Positions(""), [unread]))


def _parsed(text: str, file: str) -> _Document:
    text = text.replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _Document(file, Faults(file, Positions(text), [_not_toml(str(error), file, text)]))
    faults = Faults(file, find_positions(text))
    top = Table(document, (), faults)
    top.only(FILE, "a rule file")
    return _Document(file, faults, top)


def _read(documents: Sequence[_Document], known: Known, folder: Path | None, others: Collection[str] = ()) -> Rulebook:
    """First the workflows of all files, then the rules that may run them."""
    pages = Pages(folder)
    workflows: dict[str, Table] = _united("workflow", documents)
    context = Context(known, pages, Workflows(workflows))
    for name, table in workflows.items():
        read_workflow(name, table, context)
    tables = _united("rule", documents)
    rules = tuple(rule for name, table in tables.items() if (rule := read_rule(name, table, context)))
    tests = tuple(
        test for one in documents if one.top for table in one.top.tables("test") if (test := read_test(table))
    )
    places = {name: (table.faults.file, table.faults.positions.key(table.path).line) for name, table in tables.items()}
    mentions = [mention for one in documents for mention in one.faults.mentions]
    found = [fault for one in documents for fault in _sorted(one.faults.found)]
    odd = [fault for one in documents for fault in _sorted(one.faults.odd)]
    return Rulebook(
        rules=rules,
        tests=tests,
        files=(*(Path(one.file) for one in documents), *pages.files),
        faults=(*found, *pages.found, *strays(tests, mentions, {*places, *others})),
        warnings=(*odd, *rivals(rules, places)),
        places=places,
        texts=texts_of(tables, context.workflows),
    )


def _united(key: str, documents: Sequence[_Document]) -> dict[str, Table]:
    """The named tables of all files; a name that stands twice is a fault of the later."""
    united: dict[str, Table] = {}
    for document in documents:
        for name, table in document.named(key).items():
            first = united.setdefault(name, table)
            if first is not table:
                place = f"{first.faults.file}:{first.faults.positions.key(first.path).line}"
                table.fault("", f"there is a {key} of that name already: {place}")
    return united


def _sorted(faults: Sequence[Misconfigured]) -> list[Misconfigured]:
    return sorted(faults, key=lambda fault: (fault.line or 0, fault.column or 0))


def _not_toml(message: str, file: str, text: str) -> Misconfigured:
    found = _TOML_FAULT.fullmatch(message)
    end = Positions(text).at(len(text.rstrip("\n")))
    place = Place(int(found[2]), int(found[3])) if found and found[2] else end
    what = f"is not TOML: {found[1] if found else message}"
    return Misconfigured(what, file=file, line=place.line, column=place.column)
