"""Long texts from Jinja files under templates/: bounded, checked when a rule is loaded, rendered without raising.

What a file may say is limited when it is loaded, so that rendering has an end: loops go over what a rule knows, two
deep at most, and nothing is called but filters that make no text longer than they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tracker.errors import Misconfigured, did_you_mean
from tracker.rulebook.folder import TEMPLATES as FOLDER
from tracker.rulebook.folder import Files
from tracker.rulebook.local_times import at
from tracker.rulebook.scope import NOTHING_MORE, Scope, filled, known_in
from tracker.rulebook.template_checks import FILTERS, NUMERIC, check, reads
from tracker.rulebook.templates import shown

LONGEST_PAGE, GREATEST, MOST_TURNS = 20_000, 10**18, 1000
TURNS = "turns"


class Sandbox(ImmutableSandboxedEnvironment):
    """Knows the filters that are safe, and no globals; what a map holds goes before what a map can do."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_finalize)
        own = {"at": at, "join": _join, TURNS: _turns}
        self.filters = {name: _cut(self.filters[name]) for name in FILTERS if name not in own} | own
        self.globals = {}

    def bounded(self, text: str) -> Template:
        """The template, whose loops have so many turns at most."""
        tree = self.parse(text)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, TURNS, [], [], None, None, lineno=loop.lineno)
        return Template.from_code(self, self.compile(tree), {})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A value of a map by its name, also where maps have a method of that name."""
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic of numbers and times; texts stand beside one another without it."""
        if not isinstance(left, NUMERIC) or not isinstance(right, NUMERIC):
            raise SecurityError(f'"{operator}" is for numbers and times')
        made = super().call_binop(context, operator, left, right)
        if isinstance(made, int) and abs(made) > GREATEST:
            raise SecurityError("the number is too great")
        return made


def _finalize(value: object) -> str:
    return str(value) if isinstance(value, StrictUndefined) else shown(value)


def _turns(values: Any) -> list[Any]:
    if isinstance(values, str):
        raise SecurityError("a text has no parts to go through")
    return list(islice(values, MOST_TURNS))


def _cut(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, whose text is never longer than a page."""

    @wraps(filter_)
    def cut(*args: Any, **options: Any) -> Any:
        made = filter_(*args, **options)
        return made[:LONGEST_PAGE] if isinstance(made, str) else made

    return cut


def _join(values: Any, separator: str = "", attribute: str | None = None) -> str:
    """The parts as one text, as long as a page can be."""
    parts: list[str] = []
    left = LONGEST_PAGE
    for value in values:
        part = shown(value[attribute] if attribute else value)
        left -= len(part) + len(separator)
        parts.append(part)
        if left < 0:
            break
    return separator.join(parts)


LONGEST_FILE = 65_536


class TemplateFile:
    """A compiled file. `text` is its source, by which a rule's revision knows it; `reads` tells the lines of values."""

    def __init__(
        self, name: str, text: str, template: Template, reads: Mapping[str, int], scope: Scope = NOTHING_MORE
    ) -> None:
        self.name, self.text, self._template, self.reads = name, text, template, reads
        self.supplied = scope.read(reads)

    def within(self, scope: Scope) -> TemplateFile:
        """This file, for texts to which a scope supplies more."""
        return TemplateFile(self.name, self.text, self._template, self.reads, scope)

    def __call__(self, values: Mapping[str, object]) -> str:
        """The text with its values; from where that goes wrong on, the reason in brackets."""
        parts: list[str] = []
        left = LONGEST_PAGE
        try:
            for part in self._template.generate(_nouns(filled(values, self.supplied))):
                parts.append(part)
                left -= len(part)
                if left < 0:
                    break
        except Exception as error:  # a filter raises what it likes, and a message must go out
            parts.append(f"[{self.name}: {error or type(error).__name__}]")
        text = "".join(parts)
        return text if len(text) <= LONGEST_PAGE else text[: LONGEST_PAGE - 1] + "…"


class TemplateFiles:
    """The templates beside rule files, each read once. `found` are the faults of the templates themselves."""

    def __init__(self, files: Files | None = None) -> None:
        self._files = files
        self._sandbox = Sandbox()
        self._read: dict[tuple[str, tuple[str, ...]], TemplateFile | None] = {}
        self.texts: dict[str, str] = {}
        self.found: list[Misconfigured] = []

    @property
    def paths(self) -> list[Path]:
        """Those that rules use."""
        return (
            [Path(self._files.path(f"{FOLDER}/{name}")) for name in dict.fromkeys(name for name, _ in self._read)]
            if self._files
            else []
        )

    def page(self, name: str, scope: Scope = NOTHING_MORE) -> TemplateFile | None:
        """The file of that name. Raises ValueError where there is none; a faulty one is noted, and None."""
        known = known_in(scope)
        if (name, known) not in self._read:
            self._read[name, known] = self._load(name, self._existing(name), known)
        page = self._read[name, known]
        return page.within(scope) if page else None

    def source(self, name: str) -> str:
        """What stands in the file of that name; nothing where it cannot be read."""
        try:
            return self._files.text(f"{FOLDER}/{name}") if self._files else ""
        except Misconfigured:
            return ""

    def _load(self, name: str, files: Files, known: Collection[str]) -> TemplateFile | None:
        whole = f"{FOLDER}/{name}"
        path = files.path(whole)
        try:
            text = files.text(whole)
        except Misconfigured as error:
            self.found.append(error)
            return None
        self.texts[whole] = text
        if len(text) > LONGEST_FILE:
            self._fault(path, None, f"is {len(text)} characters long; {LONGEST_FILE} are allowed")
            return None
        return self._compiled(path, name, text, known)

    def _compiled(self, path: str, name: str, text: str, known: Collection[str]) -> TemplateFile | None:
        try:
            tree = self._sandbox.parse(text)
            wrong = list(check(tree, known))
            for line, message in wrong:
                self._fault(path, line, message)
            return None if wrong else TemplateFile(name, text, self._sandbox.bounded(text), reads(tree, known))
        except TemplateSyntaxError as error:
            self._fault(path, error.lineno, (error.message or "is no template").rstrip("."))
        except (RecursionError, SyntaxError, MemoryError):
            self._fault(path, 1, "is nested too deeply: take brackets and blocks apart")
        except (TemplateError, ValueError) as error:
            self._fault(path, None, f"cannot be compiled: {error or type(error).__name__}")
        return None

    def _existing(self, name: str) -> Files:
        if self._files is None:
            raise ValueError("a template stands in a file beside the rules, and here there are no files")
        known = [one.removeprefix(f"{FOLDER}/") for one in self._files.templates()]
        if name not in known:
            hint = did_you_mean(name, known) or (f" (there is {', '.join(known)})" if known else "")
            raise ValueError(f'there is no file "{name}" under {FOLDER}/{hint}')
        return self._files

    def _fault(self, path: str, line: int | None, message: str) -> None:
        self.found.append(Misconfigured(message, file=path, line=line))


def _nouns(values: Mapping[str, object]) -> dict[str, SimpleNamespace]:
    nouns: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        noun, _, field = name.partition(".")
        nouns.setdefault(noun, {})[field] = value
    return {noun: SimpleNamespace(**fields) for noun, fields in nouns.items()}
