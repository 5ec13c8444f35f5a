"""Faults are pointed at where they are written."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from tracker.toml.positions import Path, find_positions

TEXT = """\
# a comment = "with a key"
top = 1
[rule.first]    # a table
on = "post.failed"
do = [
  { alert = "ops", title = "a \\" b" },   # a step
  {alert="web"},
]
match.platform = ["x", "y"]
"quoted key" = '''
two " lines'''
[rule."se.cond".branch]
late = [[1], [2, [3]]]

[[test]]
rule = 'first'
[[test]]
rule = 'second'
  [test.given]
  post = "p1"
[[deep.er]]
[[deep.er.est]]
x = 1
[[deep.er.est]]
x = 2
"""


def place(*path: str | int) -> tuple[int, int]:
    found = find_positions(TEXT).key(path)
    return found.line, found.column


def value(*path: str | int) -> tuple[int, int]:
    found = find_positions(TEXT).value(path)
    return found.line, found.column


def test_a_key_is_found_at_its_first_letter() -> None:
    assert place("top") == (2, 1)
    assert place("rule", "first") == (3, 2)
    assert place("rule", "first", "match", "platform") == (9, 1)
    assert place("rule", "se.cond", "branch", "late") == (13, 1)


def test_a_value_is_found_where_it_begins() -> None:
    assert value("rule", "first", "on") == (4, 6)
    assert value("rule", "first", "match", "platform", 1) == (9, 24)
    assert value("rule", "se.cond", "branch", "late", 1, 1, 0) == (13, 19)


def test_the_elements_of_arrays_are_told_apart() -> None:
    assert place("rule", "first", "do", 0, "title") == (6, 20)
    assert place("rule", "first", "do", 1, "alert") == (7, 4)


def test_tables_of_an_array_are_told_apart() -> None:
    assert place("test", 0, "rule") == (16, 1)
    assert place("test", 1, "rule") == (18, 1)
    assert place("test", 1, "given", "post") == (20, 3)
    assert place("deep", "er", 0, "est", 1, "x") == (25, 1)


def test_what_has_no_place_is_pointed_at_through_what_is_around_it() -> None:
    assert place("rule", "first", "missing") == (3, 2)
    assert place("nowhere") == (1, 1)


def test_a_character_inside_a_string_is_found() -> None:
    positions = find_positions('a = "x\\ty"\nb = \'xy\'\nc = """\nx\ny"""\nd = "\\u0041y"\n')
    found = [positions.inside((name,), offset) for name, offset in (("a", 2), ("b", 1), ("c", 2), ("d", 1))]
    assert [(one.line, one.column) for one in found] == [(1, 9), (2, 7), (5, 1), (6, 12)]


NAMES = st.one_of(st.from_regex(r"[a-z0-9_-]{1,6}", fullmatch=True), st.text(max_size=4))
SCALARS = st.one_of(st.integers(-99, 99), st.booleans(), st.text(max_size=8), st.floats(allow_nan=False))
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))


def toml(value: object) -> str:
    """The value on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{quoted(k)} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[ " + ", ".join(map(toml, value)) + " ]"
    if isinstance(value, str):
        return quoted(value)
    return str(value).lower()


def quoted(text: str) -> str:
    plain = text.isascii() and text.isprintable() and not set(text) & {'"', "\\"}
    return '"' + (text if plain else "".join(f"\\U{ord(c):08x}" for c in text)) + '"'


def paths(value: object, above: Path = ()) -> list[tuple[Path, object]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [((*above, name), one) for name, one in inner]
    return found + [deeper for path, one in found for deeper in paths(one, path)]


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3)))
def test_every_value_of_any_document_is_found_where_it_is_written(
    top: dict[str, object], tables: dict[str, dict[str, object]]
) -> None:
    tables = {name: table for name, table in tables.items() if name not in top}
    lines = [f"{quoted(name)} = {toml(value)}" for name, value in top.items()]
    for name, table in tables.items():
        lines += [
            f"[{quoted(name)}] # here",
            *(f"  {quoted(key)} = {toml(value)} # and here" for key, value in table.items()),
        ]
    text = "\n".join(lines)
    document = tomllib.loads(text)
    positions = find_positions(text)
    for path, one in paths(document):
        if path in positions.values:
            found = positions.value(path)
            assert text.splitlines()[found.line - 1][found.column - 1 :].startswith(toml(one))
        else:
            assert path in positions.keys
