"""Rule files into rules: every fault with its file, line and column, and none of them stops the reading."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tracker.domain.dispatch import RuleIndex
from tracker.domain.rule import Rule
from tracker.errors import Misconfigured
from tracker.rulebook.examples import RuleTest, read_test, unknown_rule
from tracker.rulebook.positions import Place, Positions, find_positions
from tracker.rulebook.reading import Faults, Table
from tracker.rulebook.rules import read_rule
from tracker.rulebook.steps import Known

EVERYTHING_KNOWN = Known()
_TOML_FAULT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


@dataclass(frozen=True)
class Rulebook:
    """Everything that some rule files say. With faults it is not fit to be put in force."""

    rules: tuple[Rule, ...] = ()
    tests: tuple[RuleTest, ...] = ()
    files: tuple[Path, ...] = ()
    faults: tuple[Misconfigured, ...] = ()
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """The file and the line of each rule, by its id."""

    @cached_property
    def index(self) -> RuleIndex:
        """The enabled rules, ready for `decide`."""
        return RuleIndex(self.rules)


def load_rules(folder: Path, known: Known = EVERYTHING_KNOWN) -> Rulebook:
    """All rules of `folder`/*.toml; `known` are the names of channels, endpoints and providers to check against."""
    if not folder.is_dir():
        return Rulebook(faults=(Misconfigured("there is no such folder", file=str(folder), key="rules.dir"),))
    book = Rulebook()
    for file in sorted(folder.glob("*.toml")):
        book = _with(book, _load_file(file, known))
    return _checked(book)


def load_text(text: str, file: str = "rules.toml", known: Known = EVERYTHING_KNOWN) -> Rulebook:
    """The rules of one text; `file` is what faults call it."""
    return _checked(_load_text(text, file, known))


def _load_file(file: Path, known: Known) -> Rulebook:
    try:
        return _load_text(file.read_text(encoding="utf-8"), str(file), known)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        return Rulebook(files=(file,), faults=(Misconfigured(f"cannot be read: {reason}", file=str(file)),))


def _load_text(text: str, file: str, known: Known) -> Rulebook:
    text = text.replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Rulebook(files=(Path(file),), faults=(_not_toml(str(error), file, text),))
    faults = Faults(file, find_positions(text))
    top = Table(document, (), faults)
    top.only(("rule", "test"), "a rule file")
    tables = top.table("rule")
    named = [(name, tables.table(name)) for name in tables.values] if tables else []
    read = [(name, read_rule(name, table, known)) for name, table in named if table]
    tests = [read_test(table) for table in top.tables("test")]
    return Rulebook(
        rules=tuple(rule for _, rule in read if rule),
        tests=tuple(test for test in tests if test),
        files=(Path(file),),
        faults=tuple(sorted(faults.found, key=lambda fault: (fault.line or 0, fault.column or 0))),
        places={name: (file, faults.positions.key(("rule", name)).line) for name, _ in named},
    )


def _with(book: Rulebook, more: Rulebook) -> Rulebook:
    """Both together; a rule that both have is a fault."""
    twice = [
        Misconfigured(f"there is a rule of that name already: {':'.join(map(str, book.places[name]))}",
                      file=more.places[name][0], line=more.places[name][1], key=f"rule.{name}")
        for name in more.places if name in book.places
    ]  # fmt: skip
    return Rulebook(
        rules=(*book.rules, *more.rules),
        tests=(*book.tests, *more.tests),
        files=(*book.files, *more.files),
        faults=(*book.faults, *more.faults, *twice),
        places={**more.places, **book.places},
    )


def _checked(book: Rulebook) -> Rulebook:
    """With a fault for each test whose rule is nowhere."""
    strays = [
        Misconfigured(wrong, file=test.file, line=test.line, key="test.rule")
        for test in book.tests
        if (wrong := unknown_rule(test, book.places.keys()))
    ]
    return replace(book, faults=(*book.faults, *strays))


def _not_toml(message: str, file: str, text: str) -> Misconfigured:
    found = _TOML_FAULT.fullmatch(message)
    end = Positions(text).at(len(text.rstrip("\n")))
    place = Place(int(found[2]), int(found[3])) if found and found[2] else end
    what = f"is not TOML: {found[1] if found else message}"
    return Misconfigured(what, file=file, line=place.line, column=place.column)
