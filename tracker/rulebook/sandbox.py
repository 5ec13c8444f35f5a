"""Jinja as far as a rule may use it: safe filters, no globals, loops and texts that have an end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, Template, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tracker.rulebook.template_checks import FILTERS, NUMERIC
from tracker.rulebook.templates import shown

LONGEST_PAGE, GREATEST, MOST_TURNS = 20_000, 10**18, 1000
TURNS = "turns"


class Sandbox(ImmutableSandboxedEnvironment):
    """Knows the filters that are safe, and no globals; what a map holds goes before what a map can do."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_finalize)
        self.filters = {name: _cut(self.filters[name]) for name in FILTERS} | {"join": _join, TURNS: _turns}
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
