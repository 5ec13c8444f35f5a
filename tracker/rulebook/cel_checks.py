"""What an expression asks for that is not there: items' fields, words that no value has, labels without `has`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tracker.domain.posts.change import FIELDS
from tracker.domain.posts.event import State
from tracker.domain.rules.event_pattern import parse_event_pattern
from tracker.errors import did_you_mean
from tracker.rulebook.cel_syntax import Call, Const, Field, Loop, Make, Name, Node, parts_of, walk
from tracker.rulebook.grammar import meant_platform
from tracker.rulebook.scope import ANSWER
from tracker.toml.positions import BadText

LISTS: Mapping[str, tuple[str, ...]] = {
    "run.items": (
        "event", "at", "post_id", "post_provider", "error_code", "error_message", "platforms", "accounts", "url",
    ),
    "post.targets": (
        "key", "platform", "account", "state", "attempt", "url", "error_code", "error_message",
    ),
}  # fmt: skip
"""The lists of things, and what each of the things in them has."""

KEPT = ("post.labels", "post.attributes", "event.data", f".{ANSWER}")
"""Maps of which nobody knows beforehand what is in them; the last stands for the answer of any noun."""

_STATES = tuple(map(str, State))
_WITH_WORDS = (".state", ".platform", "change.", "event.name")
_ONE = " of"
"""What stands behind the name of a list where one of the things in it is meant."""

_Asked = frozenset[tuple[str, str]]


def wrong_field(name: str, field: str) -> str:
    """Why the things in the list of that name have no such field; empty where they have."""
    if field in LISTS[name]:
        return ""
    hint = did_you_mean(field, LISTS[name]) or f" (it has {', '.join(LISTS[name])})"
    return f"{field}: an item of {name} has no such field{hint}"


def is_kept(name: str) -> bool:
    """Whether it is the name of such a map."""
    return name.endswith(KEPT)


def unasked(name: str, field: str, has: str) -> str:
    """Why something that may not be there must not be read as it is."""
    return f"{name}.{field} may not be there, and then nothing can be read: write {has}"


def misread(tree: Node, text: str) -> Iterator[BadText]:
    """Everything that the expression reads in vain; a look at its text spares most expressions the work."""
    if any(name in text for name in LISTS):
        yield from _fields(tree, text, {})
    if any(name in text for name in _WITH_WORDS):
        yield from _words(tree, text)


def doubtful(tree: Node, text: str) -> Iterator[BadText]:
    """What the expression reads that may not be there: of posts that have it, it holds all the same."""
    if any(name in text for name in KEPT):
        yield from _kept(tree, text, frozenset())


def _fields(node: Node, text: str, known: dict[str, str]) -> Iterator[BadText]:
    """`known` are the variables of loops that hold things of a list, or lists of them."""
    of, words = _compared(node)
    if isinstance(of, Field) and _kind(of.of, known) == f"post.targets{_ONE}":
        yield from (
            BadText(wrong, _place(one, text)) for one in words if (wrong := _no_word(f"target.{of.field}", one))
        )
    match node:
        case Field(of, field, _) | Call("_[_]", (of, Const(str(field)))) if _kind(of, known).endswith(_ONE):
            if wrong := wrong_field(_kind(of, known).removesuffix(_ONE), field):
                yield BadText(wrong, _place(field, text))
        case Loop() if (name := _kind(node.over, known)) in LISTS:
            yield from _fields(node.over, text, known)
            inner = {**known, node.name: f"{name}{_ONE}"}
            for part in (node.goes_on, node.step, node.result):
                yield from _fields(part, text, inner)
            return
    for part in parts_of(node):
        yield from _fields(part, text, known)


def _kind(node: Node, known: dict[str, str]) -> str:
    match node:
        case Name(name):
            return name if name in LISTS else known.get(name, "")
        case Call("_[_]", (of, _)) if (name := _kind(of, known)) in LISTS:
            return f"{name}{_ONE}"
        case Loop() if (name := _kind(node.over, known)) in LISTS:
            match node.step:
                case Call("_?_:_", (_, Call("_+_", (_, Make((Name(added),)))), _)) if added == node.name:
                    return name
    return ""


def _compared(node: Node) -> tuple[Node, list[str]]:
    """What is compared with words that stand in the expression, and these words."""
    match node:
        case Call("_==_" | "_!=_", (of, Const(str(word)))) | Call("_==_" | "_!=_", (Const(str(word)), of)):
            return of, [word]
        case Call("@in", (Const(str(word)), Name("post.platforms" | "change.fields") as of)):
            return of, [word]
        case Call("@in", (of, Make(parts))):
            return of, [part.literal for part in parts if isinstance(part, Const) and isinstance(part.literal, str)]
    return node, []


def _words(tree: Node, text: str) -> Iterator[BadText]:
    """Words with which a state or a platform is compared, and which it never is."""
    nodes = [*walk(tree)]
    listed = {node.name: over.name for node in nodes if isinstance(node, Loop) and isinstance(over := node.over, Name)}
    for node in nodes:
        of, words = _compared(node)
        name = listed.get(of.name, of.name) if isinstance(of, Name) else ""
        yield from (BadText(wrong, _place(word, text)) for word in words if (wrong := _no_word(name, word)))


def _no_word(name: str, word: str) -> str:
    if name == "change.fields" and word not in FIELDS:
        near = did_you_mean(word, FIELDS) or f" (there are {', '.join(FIELDS)})"
        return f'"{word}" is nothing that can change{near}'
    if name in ("post.state", "target.state", "change.before") and word and word not in _STATES:
        near = did_you_mean(word, _STATES) or f" (there are {', '.join(_STATES)})"
        return f'"{word}" is not a state{near}'
    if name in ("target.platform", "account.platform", "post.platforms") and (meant := meant_platform(word)):
        return f'"{word}" is no platform (did you mean "{meant}"?)'
    if name == "event.name":
        try:
            parse_event_pattern(word)
        except ValueError as error:
            return str(error)
    return ""


def _kept(node: Node, text: str, asked: _Asked) -> Iterator[BadText]:
    """`asked` is what is known to be there wherever this node's value counts."""
    match node:
        case Field(Name(name), field, False) | Call("_[_]", (Name(name), Const(str(field)))) if is_kept(name):
            if (name, field) not in asked:
                has = f"has({name}.{field})" if field.isidentifier() else f'"{field}" in {name}'
                yield BadText(unasked(name, field, f"{has} && …, or {has} ? … : …"), _place(field, text))
            return
        case Call("_&&_", (left, right)):
            both = asked | _there(left) | _there(right)
            yield from _kept(left, text, both)
            yield from _kept(right, text, both)
            return
        case Call("_||_", (left, right)):
            either = asked | _absent(left) | _absent(right)
            yield from _kept(left, text, either)
            yield from _kept(right, text, either)
            return
        case Call("_?_:_", (first, then, otherwise)):
            yield from _kept(first, text, asked)
            yield from _kept(then, text, asked | _there(first))
            yield from _kept(otherwise, text, asked | _absent(first))
            return
    for part in parts_of(node):
        yield from _kept(part, text, asked)


def _there(node: Node) -> _Asked:
    """What is there where the node is true."""
    match node:
        case Field(Name(name), field, True) | Call("@in", (Const(str(field)), Name(name))):
            return frozenset({(name, field)})
        case Call("_&&_", (left, right)):
            return _there(left) | _there(right)
        case Call("_||_", (left, right)):
            return _there(left) & _there(right)
        case Call("!_", (inner,)):
            return _absent(inner)
    return frozenset()


def _absent(node: Node) -> _Asked:
    """What is there where the node is false."""
    match node:
        case Call("!_", (inner,)):
            return _there(inner)
        case Call("_||_", (left, right)):
            return _absent(left) | _absent(right)
    return frozenset()


def _place(word: str, text: str) -> int:
    found = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)
    return found.start() if found else 0
