"""The parts of a compiled CEL expression, read from the evaluator's serialized form (cel.expr.CheckedExpr)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Value = int | bytes
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SEVEN_BITS = 0x7F


@dataclass(frozen=True, slots=True)
class Const:
    """A value written in the expression; texts are told, numbers and the like are not."""

    text: str | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or the variable of a loop."""

    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a map."""

    of: Node
    field: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator; what it is called on is the first of `args`."""

    function: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Make:
    """A list or a map of `parts` (the keys of a map among them)."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Loop:
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
    checked = _one(serialized, 2)
    return _node(_one(checked, 4))


def names(node: Node) -> Iterator[str]:
    """Every variable that is read, those of loops included."""
    if isinstance(node, Name):
        yield node.name
    for part in parts_of(node):
        yield from names(part)


def patterns(node: Node) -> Iterator[str]:
    """Every pattern that a text is matched with and that stands in the expression."""
    match node:
        case Call("matches", (_, Const(str(pattern)))):
            yield pattern
    for part in parts_of(node):
        yield from patterns(part)


def parts_of(node: Node) -> tuple[Node, ...]:
    """What it is made of."""
    match node:
        case Field(of, _):
            return (of,)
        case Call(_, parts) | Make(parts):
            return parts
        case Loop():
            return (node.over, node.start, node.goes_on, node.step, node.result)
    return ()


def _node(data: bytes) -> Node:
    for number, value in _fields(data):
        if number in _MAKERS and isinstance(value, bytes):
            return _MAKERS[number](value)
    return Const()


def _const(data: bytes) -> Node:
    return next((Const(text.decode()) for text in _all(data, 6)), Const())


def _call(data: bytes) -> Node:
    target = [_node(part) for part in _all(data, 1)]
    return Call(_text(data, 2), (*target, *map(_node, _all(data, 3))))


def _map(data: bytes) -> Node:
    entries = _all(data, 2)
    return Make(tuple(_node(part) for entry in entries for number in (3, 4) for part in _all(entry, number)))


def _loop(data: bytes) -> Node:
    over, start, goes_on, step, result = (_node(_one(data, number)) for number in (2, 4, 5, 6, 7))
    return Loop(_text(data, 1), over, _text(data, 3), start, goes_on, step, result)


_MAKERS: Mapping[int, Callable[[bytes], Node]] = {
    3: _const,
    4: lambda data: Name(_text(data, 1)),
    5: lambda data: Field(_node(_one(data, 1)), _text(data, 2)),
    6: _call,
    7: lambda data: Make(tuple(map(_node, _all(data, 1)))),
    8: _map,
    9: _loop,
}


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message in the wire format of protocol buffers."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
        else:
            size, at = _varint(data, at) if kind == _BYTES else ({_FIXED64: 8, _FIXED32: 4}[kind], at)
            yield number, data[at : at + size]
            at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & _SEVEN_BITS) << shift
        at, shift = at + 1, shift + 7
        if byte <= _SEVEN_BITS:
            return value, at


def _all(data: bytes, wanted: int) -> list[bytes]:
    return [value for number, value in _fields(data) if number == wanted and isinstance(value, bytes)]


def _one(data: bytes, wanted: int) -> bytes:
    found = _all(data, wanted)
    if not found:
        raise ValueError(f"field {wanted} is missing")
    return found[-1]


def _text(data: bytes, wanted: int) -> str:
    return next((value.decode() for value in _all(data, wanted)), "")
