"""Rule files into rules: every fault with its file, line and column, and none of them stops the reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.errors import Misconfigured
from tracker.rulebook import grammar
from tracker.rulebook.context import Context, Known, Workflows
from tracker.rulebook.cross_rule_checks import misheard, mutual, rivals, strays
from tracker.rulebook.editing import EditedFolder
from tracker.rulebook.folder import MOST_IN_ALL, Files, Folder, KeptFiles, Sources
from tracker.rulebook.grammar import ABOUT_WHAT_IS_GATHERED, FILE, NEVER_BY_THE_CLOCK, RULE
from tracker.rulebook.reading import OF_THE_FILE, Faults, Table
from tracker.rulebook.rule_test import RuleTest, read_test
from tracker.rulebook.rules import read_rule, read_workflow
from tracker.rulebook.tables import ARGUMENTS, read_table
from tracker.rulebook.template_files import TemplateFiles
from tracker.rulebook.test_checks import misfits
from tracker.toml import parse
from tracker.toml.positions import Path as KeyPath
from tracker.toml.positions import Positions

T = TypeVar("T")

EVERYTHING_KNOWN = Known()


class Rulebook(Struct, frozen=True, dict=True):
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
    sources: Sources = field(default_factory=dict)
    """The texts of all files by their names, by which the same rules can be read again."""

    @cached_property
    def index(self) -> RuleIndex:
        """The enabled rules, ready for `decide`."""
        return RuleIndex(self.rules)


def load_rules(folder: Path, known: Known = EVERYTHING_KNOWN) -> Rulebook:
    """All rules of the *.toml in and below `folder`, checked against the names that are `known`."""
    files = Folder(folder)
    try:
        names = files.names()
    except Misconfigured as error:
        return Rulebook(faults=(error,))
    book = _read_files(files, names, known)
    odd = [] if names else [Misconfigured("holds no rule file: there is no *.toml in it", file=str(folder))]
    return replace(book, warnings=(*book.warnings, *odd, *files.passed_over()))


def load_edited(folder: Path, name: str, text: str, known: Known = EVERYTHING_KNOWN) -> Rulebook:
    """What all rules of the folder would be if its file `name` had that text; raises Misconfigured without a folder."""
    files = EditedFolder(folder, name, text)
    return _read_files(files, files.names(), known)


def load_kept(sources: Sources, folder: Path, known: Known = EVERYTHING_KNOWN) -> Rulebook:
    """The rules of files as they were kept. Where an earlier version wrote one that is faulty now, the others hold."""
    files = KeptFiles(sources, folder)
    book = _read_files(files, files.names(), known)
    if not book.faults:
        return book
    alone = {name: _read([_parsed(text, name)], known, files, book.places) for name, text in book.texts.items()}
    sound = tuple(rule for rule in book.rules if not alone[rule.id].faults)
    return replace(book, rules=sound, tests=())


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
    return _read([_parsed(text, file)], known, Folder(folder) if folder else None, others)


class _Document(Struct, frozen=True):
    """One file: its table, or nothing where the file itself is faulty."""

    file: str
    faults: Faults
    top: Table | None = None

    def completed(self, rule: Table) -> Table:
        """A rule with what the file's defaults say of what it does not say itself, as far as that goes with it."""
        defaults = self.top.table(OF_THE_FILE) if self.top and OF_THE_FILE in self.top else None
        if defaults is None:
            return rule
        unfit: tuple[str, ...] = NEVER_BY_THE_CLOCK if "every" in rule else ()
        unfit += ABOUT_WHAT_IS_GATHERED if "every" in rule and "over" not in rule else ()
        return rule.inheriting(defaults, grammar.DEFAULTS.keys() - set(unfit))

    def named(self, key: str) -> dict[str, Table]:
        """The tables under `key` by their names."""
        tables = self.top.table(key) if self.top else None
        if tables is None:
            return {}
        nameless = next((name for name, one in tables.values.items() if name in RULE and not isinstance(one, dict)), "")
        if nameless:
            tables.fault_at_key(nameless, f"the {key} has no name: write [{key}.<name>] above it")
            return {}
        listed = [name for name, one in tables.values.items() if isinstance(one, list)]
        for name in listed:
            tables.fault_at_key(name, f"is one {key}: write [{key}.{name}], with one bracket on each side")
        found = {name: tables.table(name) for name in tables.values if name not in listed}
        return {name: table for name, table in found.items() if table}


def _read_files(files: Files, names: Sequence[str], known: Known) -> Rulebook:
    left = MOST_IN_ALL
    texts: dict[str, str] = {}
    documents: list[_Document] = []
    for name in names:
        try:
            texts[name] = files.text(name)
            left -= len(texts[name])
            if left < 0:
                too_much = f"is too much: all rule files together may have {MOST_IN_ALL // 2**20} Mi letters"
                raise Misconfigured(too_much, file=files.path(name))
            documents.append(_parsed(texts[name], files.path(name)))
        except Misconfigured as error:
            documents.append(_unread(files.path(name), error))
    book = _read(documents, known, files)
    return replace(book, sources={**texts, **book.sources})


def _parsed(text: str, file: str) -> _Document:
    try:
        document = parse(text, file)
    except Misconfigured as error:
        return _unread(file, error)
    faults = Faults(file, document.positions)
    top = Table(document.table, (), faults)
    homeless = [key for key in document.table if key in RULE and key not in FILE]
    if homeless:
        top.fault_at_key(homeless[0], "stands in no rule: put [rule.<name>] above it")
    housed = {key: one for key, one in document.table.items() if key not in homeless}
    Table(housed, (), faults).only(FILE, "a rule file")
    if defaults := top.table(OF_THE_FILE):
        defaults.only(grammar.DEFAULTS, "defaults")
    if not document.table:
        faults.warn((), "is empty: there is no rule, workflow or test in it")
    return _Document(file, faults, top)


def _unread(file: str, fault: Misconfigured) -> _Document:
    return _Document(file, Faults(file, Positions(""), [fault]))


def _read(documents: Sequence[_Document], known: Known, files: Files | None, others: Collection[str] = ()) -> Rulebook:
    """First the workflows of all files, then the rules that may run them."""
    pages = TemplateFiles(files)
    workflows: dict[str, Table] = _united("workflow", documents)
    lookups = _united("table", documents)
    tables = {name: read_table(name, table) for name, table in lookups.items()}
    context = Context(known, pages, Workflows(workflows), tables=tables)
    for name, table in workflows.items():
        _bounded(table, partial(read_workflow, name, table, context))
    own = _united("rule", documents)
    read = (_bounded(table, partial(read_rule, name, table, context)) for name, table in own.items())
    rules = tuple(rule for rule in read if rule)
    withs = [rule.values.get(ARGUMENTS) for rule in own.values()]
    looked_up = {name for one in withs if isinstance(one, dict) for name in one}
    for name in lookups.keys() - looked_up:
        told = f'is read by no rule: one that is to says with = {{ {name} = "account" }}'
        lookups[name].faults.warn(lookups[name].path, told)
    tests = tuple(
        test
        for one in documents
        if one.top
        for table in one.top.tables("test")
        if (test := _bounded(table, partial(read_test, table)))
    )
    places = {name: (table.faults.file, table.faults.positions.key(table.path).line) for name, table in own.items()}
    mentions = [mention for one in documents for mention in one.faults.mentions]
    found = [fault for one in documents for fault in _sorted(one.faults.found)]
    odd = [fault for one in documents for fault in _sorted(one.faults.odd)]
    unfit = misfits(tests, {rule.id: rule for rule in rules}, known.providers)
    return Rulebook(
        rules=rules,
        tests=tests,
        files=(*(Path(one.file) for one in documents), *pages.paths),
        faults=(*found, *pages.found, *strays(mentions, {*places, *others}), *unfit),
        warnings=(*odd, *rivals(rules, places), *misheard(rules, places), *mutual(rules, places)),
        places=places,
        texts=texts_of(own, context.workflows, lookups),
        sources=pages.texts,
    )


def _bounded(table: Table, read: Callable[[], T]) -> T | None:
    """What is read of the table; one that goes on and on within itself is one fault."""
    try:
        return read()
    except RecursionError:
        table.fault("", "is nested too deeply: take it apart")
        return None


def _united(key: str, documents: Sequence[_Document]) -> dict[str, Table]:
    """The named tables of all files; a name that stands twice is a fault of the later."""
    united: dict[str, Table] = {}
    for document in documents:
        for name, written in document.named(key).items():
            table = document.completed(written) if key == "rule" else written
            first = united.setdefault(name, table)
            if first is not table:
                place = f"{first.faults.file}:{first.faults.positions.key(first.path).line}"
                table.fault("", f"there is a {key} of that name already: {place}")
    return united


def _sorted(faults: Sequence[Misconfigured]) -> list[Misconfigured]:
    return sorted(faults, key=lambda fault: (fault.line or 0, fault.column or 0))


NAMED = 2
"""The length of the paths of rules and workflows, as in rule.x."""


def texts_of(rules: Mapping[str, Table], workflows: Workflows, lookups: Mapping[str, Table]) -> dict[str, str]:
    """Each rule as it is written, with all of the files on which it rests, fit to be read as a file of its own."""
    files: dict[int, Excerpts] = {}

    def excerpt(table: Table) -> str:
        positions = table.faults.positions
        if id(positions) not in files:
            files[id(positions)] = Excerpts(positions)
        return files[id(positions)].of(table.path)

    def whole(rule: Table) -> str:
        named = rule.values.get(ARGUMENTS)
        looked_up = [lookups[name] for name in named if name in lookups] if isinstance(named, dict) else []
        shared = [Table({}, (OF_THE_FILE,), rule.faults)] if rule.inherited else []
        return "\n".join(dict.fromkeys(map(excerpt, (rule, *workflows.reached_from(rule), *looked_up, *shared))))

    return {name: whole(rule) for name, rule in rules.items()}


class Excerpts:
    """The parts of one file by the names of their tables, which are all found at once."""

    def __init__(self, positions: Positions) -> None:
        self._text = positions.text
        self._spans: dict[KeyPath, list[tuple[int, int]]] = defaultdict(list)
        self._values: dict[KeyPath, list[int]] = defaultdict(list)
        starts = [_with_comments(self._text, offset) for offset, _ in positions.headers]
        for span, (_, opened) in zip(pairwise([*starts, len(self._text)]), positions.headers, strict=True):
            self._spans[opened[:NAMED]].append(span)
        for found, offset in positions.values.items():
            self._values[found[:NAMED]].append(offset)

    def of(self, path: KeyPath) -> str:
        """The tables at and below the path, with the comments right above each; else the whole text.

        A table may be written without a header of its own, as in `rule.x.on = "…"`; then nothing can be cut out.
        """
        own = self._spans.get(path, [])
        if any(not any(start <= offset < end for start, end in own) for offset in self._values.get(path, [])):
            return self._text
        return "\n".join(self._text[start:end].strip() + "\n" for start, end in own)


def _with_comments(text: str, header: int) -> int:
    """Where the header's line begins, or the first of the comment lines right above it."""
    start = text.rfind("\n", 0, header) + 1
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        line = text[above:start].strip()
        if not line.startswith("#") or line.endswith(("'''", '"""')):
            break
        start = above
    return start
