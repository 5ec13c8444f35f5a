"""The tree of a compiled CEL expression, read from the evaluator's serialized form (cel.expr.CheckedExpr).

What an expression reads, costs and joins by `&&` is asked of this tree, never of its text. The reader of the wire
format is our own, because Google's classes take longer to be imported than a thousand short conditions to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

_SEVEN_BITS = 0x7F
_FIXED = {1: 8, 5: 4}
"""Bytes of the kinds of field that have no length of their own."""

Fields = list[tuple[int, Any]]


class Const(Struct, frozen=True):
    """A value written in the expression; of kinds other than these, `other` is the kind with the value's bytes."""

    literal: str | int | bool | None = None
    other: tuple[int, Any] | None = None


class Name(Struct, frozen=True):
    """A variable, or the variable of a loop."""

    name: str


class Field(Struct, frozen=True):
    """A field of a map; `asked` where `has` only asks whether it is there."""

    of: Node
    field: str
    asked: bool = False


class Call(Struct, frozen=True):
    """A function or an operator; what it is called on is the first of `args`. Its number leads to its place."""

    function: str
    args: tuple[Node, ...]
    id: int = 0


class Make(Struct, frozen=True):
    """A list or a map of `parts` (the keys of a map among them); a message is one `of` its name and fields."""

    parts: tuple[Node, ...]
    of: str = "list"


class Loop(Struct, frozen=True):
    """What macros such as `exists` and `map` stand for: `result` after `step` has been done to `kept` for each."""

    name: str
    over: Node
    kept: str
    start: Node
    goes_on: Node
    step: Node
    result: Node


Node = Const | Name | Field | Call | Make | Loop


def parse(serialized: bytes) -> Node:
    """The expression. Raises KeyError or ValueError where the form is not the one that we know."""
    return _node(_checked(serialized)[4])


def offsets(serialized: bytes) -> dict[int, int]:
    """Where in its text each node stands, by number: an operator at its sign, a field at its point."""
    source = _fields(_checked(serialized)[5])
    entries = [dict(_fields(found)) for number, found in source if number == 4]  # noqa: PLR2004  (its positions)
    return {entry[1]: entry.get(2, 0) for entry in entries}


def conjunction(node: Node) -> Iterator[Node]:
    """The outermost `&&` and what they join, in the order of the text: every second one is a `&&`."""
    match node:
        case Call("_&&_", (left, right)):
            yield from conjunction(left)
            yield node
            yield from conjunction(right)
        case _:
            yield node


def walk(node: Node) -> Iterator[Node]:
    """The node, and whatever is within it."""
    yield node
    for part in parts_of(node):
        yield from walk(part)


def parts_of(node: Node) -> tuple[Node, ...]:
    """What stands right within the node."""
    match node:
        case Field(of):
            return (of,)
        case Call(_, within) | Make(within):
            return within
        case Loop():
            return (node.over, node.start, node.goes_on, node.step, node.result)
    return ()


def _checked(serialized: bytes) -> dict[int, Any]:
    return dict(_fields(dict(_fields(serialized))[2]))


def _node(data: bytes) -> Node:
    its_number = 0
    for kind, found in _fields(data):
        if kind in _KINDS:
            return _KINDS[kind](_fields(found), its_number)
        its_number = found
    return Const()


def _const(fields: Fields, _: int) -> Node:
    ((kind, found),) = fields
    return Const(_LITERALS[kind](found)) if kind in _LITERALS else Const(None, (kind, found))


def _field(message: dict[int, Any]) -> Node:
    return Field(_node(message[1]), message[2].decode(), bool(message.get(3)))


def _call(fields: Fields, its_number: int) -> Node:
    """The first field is what it is called on, the second its name, and each third an argument."""
    args = tuple(_node(found) for number, found in fields if number in (1, 3))
    return Call(dict(fields)[2].decode(), args, its_number)


def _loop(fields: Fields, _: int) -> Node:
    message = dict(fields)
    return Loop(message[1].decode(), _node(message[2]), message[3].decode(), *(_node(message[n]) for n in range(4, 8)))


def _map(fields: Fields, _: int) -> Node:
    """The second fields are its entries; the first is the name of a message, where one is made."""
    entries = [_fields(found) for number, found in fields if number == 2]  # noqa: PLR2004
    parts = tuple(_node(found) for entry in entries for number, found in entry if number in (3, 4))
    names = [found.decode() for number, found in fields if number == 1]
    names += [found.decode() for entry in entries for number, found in entry if number == 2]  # noqa: PLR2004
    return Make(parts, " ".join(["map", *names]))


_KINDS: Mapping[int, Callable[[Fields, int], Node]] = {
    3: _const,
    4: lambda fields, _: Name(dict(fields)[1].decode()),
    5: lambda fields, _: _field(dict(fields)),
    6: _call,
    7: lambda fields, _: Make(tuple(_node(found) for number, found in fields if number == 1)),
    8: _map,
    9: _loop,
}
_LITERALS: Mapping[int, Callable[[Any], str | int | bool]] = {
    2: bool, 3: lambda found: found if found < 2**63 else found - 2**64, 6: bytes.decode,
}  # fmt: skip


def _fields(data: bytes) -> Fields:
    """The fields of a message in the wire format of protocol buffers: whole numbers and bytes, by the field's number.

    Numbers above 15 are not in use here. It is written to be quick: it reads every expression of every rule.
    """
    fields: Fields = []
    at, end = 0, len(data)
    while at < end:
        tag, kind = data[at], data[at] & 7
        at += 1
        if kind in _FIXED:
            size = _FIXED[kind]
        elif (size := data[at]) <= _SEVEN_BITS:
            at += 1
        else:
            size, at = _varint(data, at)
        if kind == 0:
            fields.append((tag >> 3, size))
        else:
            fields.append((tag >> 3, data[at : at + size]))
            at += size
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while (byte := data[at]) > _SEVEN_BITS:
        number |= (byte & _SEVEN_BITS) << shift
        at, shift = at + 1, shift + 7
    return number | byte << shift, at + 1
