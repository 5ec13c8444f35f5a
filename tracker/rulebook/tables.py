"""Tables that rules look things up in: `[table.client]`, with a glob for each row, and `with = { client = "account" }`.

What a table holds is written out, so that the check knows every channel to which a rule may turn.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from tracker.domain.posts.description import NAME, NAMES
from tracker.domain.rules.choice import BY, Choice, Literal
from tracker.domain.rules.grouping import ATTRIBUTES, DEFAULTS
from tracker.errors import did_you_mean
from tracker.rulebook.cel_analysis import TEXT
from tracker.rulebook.nouns import Nouns
from tracker.rulebook.scope import Scope, Supplier

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

REST = "*"
MOST_ROWS = 5000
ARGUMENTS = "with"
"""The noun under which a workflow reads what it was given."""

WORD = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_NOUNS = {name.partition(".")[0] for name in DEFAULTS} | {ARGUMENTS}
_OF_CEL = frozenset({
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
    "namespace", "null", "package", "return", "true", "var", "void", "while",
})  # fmt: skip
_KINDS: Mapping[type, str] = {str: "a text", int: "a number", bool: "a flag"}


class LookupTable(Struct, frozen=True, dict=True):
    """A table of a rule file: the globs of its rows, the last of which is `*`, with what each holds by name."""

    name: str
    rows: tuple[tuple[str, Mapping[str, Literal]], ...]

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """The names of all that any row holds, each with why it cannot be read; empty where it can."""
        names = dict.fromkeys(name for _, row in self.rows for name in row)
        return {name: self._lacking(name) for name in names}

    def _lacking(self, column: str) -> str:
        without = next((glob for glob, row in self.rows if column not in row), None)
        if without is not None:
            return f'the row "{without}" of [table.{self.name}] has no {column}: give every row one'
        kinds = dict.fromkeys(_KINDS[type(row[column])] for _, row in self.rows)
        return f"is {' here and '.join(kinds)} there in [table.{self.name}]" if len(kinds) > 1 else ""

    def choice(self, column: str, by: str) -> Choice:
        """A column as it is looked up."""
        return Choice(f"{self.name}.{column}", by, tuple((glob, row[column]) for glob, row in self.rows))


def wrong_noun(name: str) -> str:
    """Why values cannot be read under that name; empty where they can."""
    taken = f"; {', '.join(sorted(_NOUNS))} are names of other values" if name in _NOUNS else ""
    taken = f'; "{name}" is a word of CEL' if name in _OF_CEL else taken
    fits = WORD.fullmatch(name) and not taken
    return "" if fits else f"is made of a–z, 0–9 and _, and begins with a letter{taken}"


def read_table(name: str, table: Table) -> LookupTable | None:
    """The table, or None where it is faulty; the reasons are noted with it."""
    before = len(table.faults.found)
    if wrong := wrong_noun(name):
        table.fault("", f"a table's name {wrong}")
    globs = list(table.values)
    if not globs or REST not in globs:
        table.fault("", f'needs a last row "{REST}", for whatever fits no other')
    elif globs[-1] != REST:
        table.fault_at_key(globs[globs.index(REST) + 1], f'is never reached: "{REST}" above it fits everything')
    if len(globs) > MOST_ROWS:
        table.fault("", f"has {len(globs)} rows; {MOST_ROWS} are allowed")
        return None
    rows = tuple((glob, _row(row)) for glob in globs if (row := table.table(glob)))
    return LookupTable(name, rows) if len(table.faults.found) == before else None


def _row(row: Table) -> Mapping[str, Literal]:
    found: dict[str, Literal] = {}
    for column, value in row.values.items():
        if not WORD.fullmatch(column):
            row.fault_at_key(column, "a name in a row is made of a–z, 0–9 and _, and begins with a letter")
        elif isinstance(value, str) and len(value) > TEXT:
            row.fault(column, f"is {len(value)} characters long; {TEXT} are allowed")
        elif isinstance(value, str | int | bool):
            found[column] = value
        else:
            row.fault(column, "must be a text, a whole number or a flag, as it stands")
    return found


def read_with(table: Table, tables: Mapping[str, LookupTable | None], nouns: Nouns) -> Scope:
    """What the rule reads of tables by its `with`: of each the row that fits the account, or what else it names."""
    supplied: dict[str, Supplier] = {}
    lacking: dict[str, str] = {}
    kinds: dict[str, type] = {}
    inner = table.table(ARGUMENTS)
    for name in inner.values if inner else ():
        if inner is None:
            continue
        found, by = tables.get(name), inner.parsed(name, _by)
        if name not in tables:
            there_are = did_you_mean(name, tables) or (f" (there is {', '.join(tables)})" if tables else "")
            inner.fault_at_key(name, f'there is no table "{name}": write [table.{name}]{there_are}')
        if found is None or by is None:
            continue
        missed = next(iter(nouns.missed([BY.get(by, "post.attributes")]).values()), "")
        for column, lacks in found.columns.items():
            why = missed or lacks
            whole = f"{name}.{column}"
            kinds[whole] = type(next(row[column] for _, row in found.rows if column in row))
            if why:
                lacking[whole] = why
            else:
                supplied[whole] = found.choice(column, by)
    return Scope(supplied, kinds, lacking)


def _by(text: str) -> str:
    if text in BY or (text.startswith(ATTRIBUTES) and NAME.fullmatch(text.removeprefix(ATTRIBUTES))):
        return text
    if text.startswith(ATTRIBUTES):
        raise ValueError(f'"{text}" is no attribute: its name is made of {NAMES}')
    known = ", ".join(f'"{one}"' for one in BY)
    raise ValueError(f'"{text}" is none of {known} or "attributes.<name>"{did_you_mean(text, BY)}')


SOLE_HOLE = re.compile(r"\s*\{\{\s*([a-z]\w*\.\w+)\s*\}\}\s*", re.ASCII)
_HOLE = re.compile(r"\{[{%].*?[}%]\}", re.DOTALL)
ARGUMENT = re.compile(rf"\b{ARGUMENTS}\.([a-z][a-z0-9_]*)\b", re.ASCII)


def literal(text: str, scope: Scope) -> str | Choice | None:
    """A text as it stands, or the column or argument that its one hole names; None: an argument of which nobody knows.

    Raises ValueError for any other hole.
    """
    if len(text) > TEXT:
        raise ValueError(f"is {len(text)} characters long; {TEXT} are allowed")
    if "{{" not in text:
        return text
    hole = SOLE_HOLE.fullmatch(text)
    kinds = {name for name, kind in scope.kinds.items() if kind is not dict}
    if hole is None or hole[1] not in kinds:
        own = ", ".join(f'"{{{{ {name} }}}}"' for name in scope.kinds if name in kinds)
        near = did_you_mean(hole[1], kinds) if hole else ""
        raise ValueError(
            f'"{text}": what stands here is known beforehand: a name, or one hole with a field of a table'
            f" or an argument{near or (f' ({own})' if own else '')}"
        )
    if hole[1] in scope.lacking:
        raise ValueError(f"{hole[1]}: {scope.lacking[hole[1]]}")
    found = scope.supplied.get(hole[1])
    return _plain(found) if isinstance(found, Choice) else None


def _plain(found: Choice) -> str | Choice:
    """An argument that is the same for everybody is the text itself."""
    return found if len(found.rows) > 1 else found.usual


def arguments(given: Mapping[str, str | Choice]) -> Scope:
    """What a workflow that was given these reads under ARGUMENTS."""
    supplied: dict[str, Supplier] = {}
    for name, value in given.items():
        whole = f"{ARGUMENTS}.{name}"
        rows = ((REST, value),) if isinstance(value, str) else value.rows
        supplied[whole] = Choice(whole, "provider" if isinstance(value, str) else value.by, rows)
    return Scope(supplied, {name: _kind_of(one) for name, one in supplied.items()})


def unknown_arguments(names: Collection[str]) -> Scope:
    """What a workflow reads of which nobody knows yet what it is given."""
    return Scope({}, {f"{ARGUMENTS}.{name}": str for name in names})


def _kind_of(supplier: Supplier) -> type:
    return type(supplier.rows[0][1]) if isinstance(supplier, Choice) else str


def asked_in(value: object) -> set[str]:
    """The arguments that are named in holes of the texts within a value."""
    if isinstance(value, str):
        return {name for hole in _HOLE.findall(value) for name in ARGUMENT.findall(hole)}
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return set().union(*map(asked_in, inner))
