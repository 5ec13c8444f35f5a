"""Jinja for template files: what they may say, where they say something else, and the sandbox that fills them.

Whoever reads no template does not load this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from functools import wraps
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tracker.domain.rules.grouping import DEFAULTS
from tracker.errors import did_you_mean
from tracker.rulebook.cel_checks import LISTS, is_kept, unasked, wrong_field
from tracker.rulebook.cel_faults import nearest
from tracker.rulebook.local_times import at, wrong_arguments
from tracker.rulebook.template_files import LONGEST_PAGE
from tracker.rulebook.templates import shown

FILTERS = (
    "abs", "at", "capitalize", "count", "default", "dictsort", "escape", "first", "float", "groupby", "int", "items",
    "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "round", "select",
    "selectattr", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip
"""Those that make no text longer than they were given."""

NUMERIC = (int, float, datetime, timedelta)
SAME = frozenset({"list", "sort", "reject", "rejectattr", "select", "selectattr", "unique"})
"""Filters that leave the items as they are."""

LOCALS = frozenset({"loop"})
DEEPEST = 2
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.For, nodes.If, nodes.CondExpr, nodes.Assign, nodes.Filter, nodes.Test, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv,
    nodes.Mod, nodes.Neg, nodes.Pos, nodes.List, nodes.Tuple, nodes.Keyword, nodes.Pair,
)  # fmt: skip
_WHY = {
    nodes.Call: "nothing can be called in a template: use a filter",
    nodes.Include: "a template stands alone: it includes no other",
    nodes.Import: "a template stands alone: it imports no other",
    nodes.FromImport: "a template stands alone: it imports no other",
    nodes.Extends: "a template stands alone: it extends no other",
    nodes.Concat: 'texts are not put together with "~": write one {{ … }} beside the other',
}
Wrong = tuple[int | None, str]
"""The line, where there is one, and what is wrong there."""


def check(tree: nodes.Template, known: Collection[str] = DEFAULTS) -> Iterator[Wrong]:
    """Each thing that a template may not say, with its line; `known` are the names of the values that there are."""
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    odd = list(_odd(tree, known, own, 0))
    yield from odd or [*_unknown_nouns(tree, known), *_items(tree, {}), *_times(tree), *_kept(tree, frozenset())]


def reads(tree: nodes.Template, known: Collection[str] = DEFAULTS) -> dict[str, int]:
    """The values that a template reads, each with the first line where it does."""
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    found: dict[str, int] = {}
    for node in tree.find_all(nodes.Getattr):
        name = _dotted(node)
        if name in known and name.partition(".")[0] not in own:
            found.setdefault(name, node.lineno)
    return found


_BY_FIELD = {
    "groupby": 0, "selectattr": 0, "rejectattr": 0, "map": None, "sort": None, "unique": None, "sum": 0, "join": 1,
}  # fmt: skip
"""Filters that take the name of a field: as the argument of that number, or only as `attribute`."""


def _dotted(node: nodes.Getattr) -> str:
    """The field of a name as it is written; empty for a field of anything else."""
    return f"{node.node.name}.{node.attr}" if isinstance(node.node, nodes.Name) else ""


def _times(tree: nodes.Template) -> Iterator[Wrong]:
    """Zones and formats that there are not."""
    for node in tree.find_all(nodes.Filter):
        said = [one.value if isinstance(one, nodes.Const) else node for one in node.args]
        if node.name == "at" and (node.kwargs or not 1 <= len(said) <= 2):  # noqa: PLR2004  (a zone and a format)
            yield node.lineno, 'at takes a zone, and a format where wanted: | at("Europe/Istanbul", "%H:%M")'
        elif node.name == "at":
            yield from ((node.lineno, wrong) for wrong in wrong_arguments(said[0], said[1] if said[1:] else None))


def _list_of(node: nodes.Node | None) -> str:
    """The name of the list that the value is, or of which it is a part in some order."""
    while isinstance(node, nodes.Filter) and node.name in SAME:
        node = node.node
    name = _dotted(node) if isinstance(node, nodes.Getattr) else ""
    return name if name in LISTS else ""


def _items(node: nodes.Node, names: Mapping[str, str]) -> Iterator[Wrong]:
    """Fields that no item has; `names` are those that loops over lists give them, each with the list."""
    if isinstance(node, nodes.For) and isinstance(node.target, nodes.Name):
        names = {**names, node.target.name: _list_of(node.iter)}
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and names.get(node.node.name):
        name, fields = names[node.node.name], [node.attr]
    else:
        name = _list_of(node.node) if isinstance(node, nodes.Filter) else ""
        fields = list(_by_field(node)) if isinstance(node, nodes.Filter) and name else []
    yield from ((node.lineno, wrong) for field in fields if (wrong := wrong_field(name, field)))
    for child in node.iter_child_nodes():
        yield from _items(child, names)


def _by_field(node: nodes.Filter) -> Iterator[str]:
    place = _BY_FIELD.get(node.name)
    said = [one.value for one in node.kwargs if one.key == "attribute"] if node.name in _BY_FIELD else []
    said += node.args[place : place + 1] if place is not None else []
    yield from (one.value for one in said if isinstance(one, nodes.Const) and isinstance(one.value, str))


def _kept(node: nodes.Node, asked: frozenset[tuple[str, str]]) -> Iterator[Wrong]:
    """Labels and attributes that are read without asking whether they are there."""
    if isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
        return
    if isinstance(node, nodes.Filter) and node.name == "default":
        return
    if isinstance(node, nodes.If | nodes.CondExpr | nodes.And | nodes.Or):
        asked |= {one for test in node.find_all(nodes.Test) if (one := _of_kept(test.node))}
    found = _of_kept(node)
    if found and found not in asked:
        name, field = found
        yield node.lineno, unasked(name, field, f'{{{{ {name}.{field} | default("") }}}}')
    for child in node.iter_child_nodes():
        yield from _kept(child, asked)


def _of_kept(node: nodes.Node | None) -> tuple[str, str] | None:
    if not isinstance(node, nodes.Getattr) or not isinstance(node.node, nodes.Getattr):
        return None
    name = _dotted(node.node)
    return (name, node.attr) if is_kept(name) else None


def _unknown_nouns(tree: nodes.Template, known: Collection[str]) -> Iterator[Wrong]:
    nouns = tuple(dict.fromkeys(name.partition(".")[0] for name in known))
    unknown = meta.find_undeclared_variables(tree) - set(nouns) - LOCALS
    seen: set[str] = set()
    for name in tree.find_all(nodes.Name):
        if name.name in unknown and name.name not in seen:
            seen.add(name.name)
            hint = did_you_mean(name.name, nouns) or f" (there are {', '.join(nouns)})"
            yield name.lineno, f"{name.name}: not a value that rules can read{hint}"


def _odd(node: nodes.Node, known: Collection[str], own: set[str], depth: int) -> Iterator[Wrong]:
    """To the names that are its `own` the template gives a meaning itself."""
    depth += isinstance(node, nodes.For)
    wrong = _unknown_field(node, known, own) if isinstance(node, nodes.Getattr) else _wrong(node, depth)
    if wrong:
        yield node.lineno, wrong
        return
    for child in node.iter_child_nodes():
        yield from _odd(child, known, own, depth)


def _wrong(node: nodes.Node, depth: int) -> str | None:
    if not isinstance(node, ALLOWED):
        return _WHY.get(type(node), f'"{type(node).__name__.lower()}" is not for templates of rules')
    match node:
        case nodes.For() if depth > DEEPEST:
            return f"loops stand at most {DEEPEST} deep"
        case nodes.For(recursive=True):
            return "a loop cannot run itself"
        case nodes.List() | nodes.Tuple():
            # Names stand in a tuple only where a loop gives them their values.
            plain = (isinstance(item, nodes.Const) or _is_target(item) for item in node.items)
            if not all(plain):
                return "a list in a template is of plain words and numbers"
        case nodes.Assign() if not isinstance(node.target, nodes.Name):
            return "one name is set at a time"
        case nodes.Filter() if node.name not in FILTERS:
            return f'there is no filter "{node.name}"{did_you_mean(node.name, FILTERS)}'
    return None


def _is_target(item: nodes.Node) -> bool:
    return isinstance(item, nodes.Name) and item.ctx == "store"


def _unknown_field(node: nodes.Getattr, known: Collection[str], own: set[str]) -> str | None:
    """A field that a noun does not have; what items and labels hold is not known before."""
    name = _dotted(node)
    noun = name.partition(".")[0]
    if name in known or noun in own or not any(one.startswith(f"{noun}.") for one in known):
        return None
    return f"{name}: not a value that rules can read{nearest(name, known)}"


TURNS = "turns"
GREATEST, MOST_TURNS = 10**18, 1000


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


def compiled(text: str, known: Collection[str] = DEFAULTS) -> tuple[str, Template, dict[str, int]] | list[Wrong]:
    """What it means, the template, and the lines of what it reads; or else everything that is wrong with it."""
    try:
        tree = _SANDBOX.parse(text)
        return list(check(tree, known)) or (repr(tree), _SANDBOX.bounded(text), reads(tree, known))
    except TemplateSyntaxError as error:
        return [(error.lineno, (error.message or "is no template").rstrip("."))]
    except (RecursionError, SyntaxError, MemoryError):
        return [(1, "is nested too deeply: take brackets and blocks apart")]
    except (TemplateError, ValueError) as error:
        return [(None, f"cannot be compiled: {error or type(error).__name__}")]


_SANDBOX = Sandbox()
