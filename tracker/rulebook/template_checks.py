"""What a template file may say, and where it says something else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from jinja2 import meta, nodes

from tracker.domain.rules.grouping import DEFAULTS
from tracker.errors import did_you_mean
from tracker.rulebook.cel_checks import KEPT, LISTS, unasked, wrong_field
from tracker.rulebook.local_times import wrong_arguments

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
Wrong = tuple[int, str]


def check(tree: nodes.Template, known: Collection[str] = DEFAULTS) -> Iterator[Wrong]:
    """Each thing that a template may not say, with its line; `known` are the names of the values that there are."""
    nouns = tuple(dict.fromkeys(name.partition(".")[0] for name in known))
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    odd = list(_odd(tree, dict.fromkeys(known), own, 0))
    yield from odd or [*_unknown_nouns(tree, nouns), *_items(tree, {}), *_times(tree), *_kept(tree, frozenset())]


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
    return (name, node.attr) if name in KEPT else None


def _unknown_nouns(tree: nodes.Template, nouns: Collection[str]) -> Iterator[Wrong]:
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
    if isinstance(node, nodes.For):
        return _wrong_loop(node, depth)
    if isinstance(node, nodes.List | nodes.Tuple) and not _is_plain(node):
        return "a list in a template is of plain words and numbers"
    if isinstance(node, nodes.Assign) and not isinstance(node.target, nodes.Name):
        return "one name is set at a time"
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        return f'there is no filter "{node.name}"{did_you_mean(node.name, FILTERS)}'
    return None


def _wrong_loop(node: nodes.For, depth: int) -> str | None:
    if depth > DEEPEST:
        return f"loops stand at most {DEEPEST} deep"
    return "a loop cannot run itself" if node.recursive else None


def _is_plain(node: nodes.List | nodes.Tuple) -> bool:
    """Names stand in a tuple only where a loop gives them their values."""
    return all(isinstance(item, nodes.Const) or _is_target(item) for item in node.items)


def _is_target(item: nodes.Node) -> bool:
    return isinstance(item, nodes.Name) and item.ctx == "store"


def _unknown_field(node: nodes.Getattr, known: Collection[str], own: set[str]) -> str | None:
    """A field that a noun does not have; what items and labels hold is not known before."""
    if not isinstance(node.node, nodes.Name) or node.node.name in own or _dotted(node) in known:
        return None
    noun = node.node.name
    fields = [name.partition(".")[2] for name in known if name.startswith(f"{noun}.")]
    if not fields:
        return None
    hint = did_you_mean(node.attr, fields).replace('"', f'"{noun}.', 1) or f" ({noun} has {', '.join(fields)})"
    return f"{noun}.{node.attr}: not a value that rules can read{hint}"
