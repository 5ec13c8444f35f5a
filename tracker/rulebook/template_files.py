"""Long texts from Jinja files under templates/: bounded, checked when a rule is loaded, rendered without raising.

What a file may say is limited when it is loaded, so that rendering has an end: loops go over what a rule knows, two
deep at most, and nothing is called but filters that make no text longer than they were given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from tracker.errors import Misconfigured, did_you_mean
from tracker.rulebook.folder import TEMPLATES as FOLDER
from tracker.rulebook.folder import Files
from tracker.rulebook.scope import NOTHING_MORE, Scope, filled, known_in

if TYPE_CHECKING:
    from jinja2 import Template

LONGEST_PAGE = 20_000
LONGEST_FILE = 65_536


class TemplateFile:
    """A compiled file. By its `meaning` a rule's revision knows it; `reads` tells the lines of values."""

    def __init__(
        self, name: str, meaning: str, template: Template, reads: Mapping[str, int], scope: Scope = NOTHING_MORE
    ) -> None:
        self.name, self.meaning, self._template, self.reads = name, meaning, template, reads
        self.supplied = scope.read(reads)

    def within(self, scope: Scope) -> TemplateFile:
        """This file, for texts to which a scope supplies more."""
        return TemplateFile(self.name, self.meaning, self._template, self.reads, scope)

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
        self._read: dict[tuple[str, tuple[str, ...]], TemplateFile | None] = {}
        self.texts: dict[str, str] = {}
        self.found: list[Misconfigured] = []

    @property
    def paths(self) -> list[Path]:
        """Those that rules use."""
        names = dict.fromkeys(name for name, _ in self._read)
        return [Path(self._files.path(f"{FOLDER}/{name}")) for name in names] if self._files else []

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
        from tracker.rulebook.template_checks import compiled  # noqa: PLC0415  (only where there is a template)

        too_long = f"is {len(text)} characters long; {LONGEST_FILE} are allowed"
        made = compiled(text, known) if len(text) <= LONGEST_FILE else [(None, too_long)]
        if not isinstance(made, list):
            return TemplateFile(name, *made)
        self.found += [Misconfigured(message, file=path, line=line) for line, message in made]
        return None

    def _existing(self, name: str) -> Files:
        if self._files is None:
            raise ValueError("a template stands in a file beside the rules, and here there are no files")
        known = [one.removeprefix(f"{FOLDER}/") for one in self._files.templates()]
        if name not in known:
            hint = did_you_mean(name, known) or (f" (there is {', '.join(known)})" if known else "")
            raise ValueError(f'there is no file "{name}" under {FOLDER}/{hint}')
        return self._files


def _nouns(values: Mapping[str, object]) -> dict[str, SimpleNamespace]:
    nouns: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        noun, _, field = name.partition(".")
        nouns.setdefault(noun, {})[field] = value
    return {noun: SimpleNamespace(**fields) for noun, fields in nouns.items()}
