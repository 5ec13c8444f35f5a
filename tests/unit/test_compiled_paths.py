"""What a typed decoder takes out of a body is what the general way finds in it, whatever the body is."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from tests.contract.naughty import suite
from tests.unit.conforming import adapter_of
from tests.unit.shapes import SHAPES, Case
from tests.unit.speaking import DOORS
from tracker.providers.mapping.paths import LONGEST, CompiledPaths, decode, parse_path

HEADINGS = {
    f"{kind} {number}": words.heading
    for kind in DOORS
    for number, words in enumerate([adapter_of(kind).words, *(words for _, words in adapter_of(kind).variants)])
}
BODIES = [
    json.dumps(case.body).encode()
    for cases in SHAPES.values()
    for case in cases.values()
    if isinstance(case, Case) and case.body is not None
]
PATHS = CompiledPaths([parse_path(path) for path in ("a", "", "b.a", "b.ç.a", "c")])

ODD = (
    b"null", b"1", b"-0", b"1e5", b"1e999", b"18446744073709551616", b"9" * 400, b"NaN", b"true", b'""', b"[]", b"{}",
    b'"\\ud83d\\ude00"', b'"\\ud83d"', b'"\\u0000"', b'"\\x"', b'"\xff"', b'"\xed\xa0\x80"', "\"ç\"".encode(), b'{"a":',
    b'{"a":{"a":1},"a":2}', b'"', b"{", b"}", b",", b" ", b"\x00",
)  # fmt: skip
NAMES = some.sampled_from(["a", "b", "c", "ç", "\\u00e7", "\\u0061", "event", "data", "\xff"])


def _table(pairs: list[tuple[str, bytes]]) -> bytes:
    """A table as it is written, in which names may come twice, or be no UTF-8."""
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode("latin-1" if name == "\xff" else "utf-8"), value)
                               for name, value in pairs)  # fmt: skip


VALUES = some.recursive(
    some.sampled_from(ODD),
    lambda inner: (
        some.lists(inner, max_size=3).map(lambda found: b"[%b]" % b",".join(found))
        | some.lists(some.tuples(NAMES, inner), max_size=4).map(_table)
    ),
    max_leaves=12,
)


@some.composite
def damaged(draw: some.DrawFn) -> bytes:
    """A body that a provider sends, in which some bytes are others."""
    body = draw(some.sampled_from(BODIES))
    for _ in range(draw(some.integers(0, 3))):
        start = draw(some.integers(0, len(body)))
        end = draw(some.integers(start, min(len(body), start + 12)))
        body = body[:start] + draw(some.sampled_from(ODD) | some.binary(max_size=4)) + body[end:]
    return body


@some.composite
def altered(draw: some.DrawFn) -> bytes:
    """A body that a provider sends, with odd values in the places of some."""
    body = draw(some.sampled_from(BODIES))
    starts = [place + 1 for place, byte in enumerate(body) if byte == ord(":")]
    if not starts:
        return body
    start = draw(some.sampled_from(starts))
    end = next((place for place in range(start, len(body)) if body[place] in b",}"), len(body))
    return body[:start] + draw(VALUES) + body[end:]


def found(paths: CompiledPaths, body: bytes, *, generally: bool = False) -> str:
    """What stands there, with its types; or that the body is none."""
    try:
        return repr(paths.at(decode(body)) if generally else paths.of(body))
    except ValueError:
        return "no JSON"


def expect_the_same(paths: CompiledPaths, body: bytes) -> None:
    assert found(paths, body) == found(paths, body, generally=True)


@given(VALUES)
@example(b'{"b":{"a":1},"b":{"c":2}}')
@example(b'{"b":1,"b":{"a":2}}')
@example(b'{"z":"\xff","a":1}')
@example(b'{"\xff":1,"a":1}')
@example(b'{"z":%b,"a":1}' % (b"9" * 5000))
@example(b'{"z":%b1%b,"a":1}' % (b"[" * 2000, b"]" * 2000))
def test_both_ways_find_the_same(body: bytes) -> None:
    expect_the_same(PATHS, body)


@pytest.mark.parametrize("paths", HEADINGS.values(), ids=HEADINGS)
@given(damaged() | altered())
def test_they_do_in_whatever_a_provider_may_send(paths: CompiledPaths, body: bytes) -> None:
    expect_the_same(paths, body)


def test_they_do_in_every_text_that_may_be_json() -> None:
    for text in suite().values():
        for body in (text, b'{"a":%b}' % text, b'{"z":%b,"a":1}' % text, b'{"b":{"z":%b,"a":1}}' % text):
            expect_the_same(PATHS, body)


def test_a_heading_is_read_by_a_decoder_in_most_kinds() -> None:
    general = {name for name, paths in HEADINGS.items() if paths._decode is None}
    assert general == {"mixpost 0", "mixpost 1"}


@pytest.mark.parametrize("path", ["a|b", "a.b|c", 'a."', "a.\\", "a.\n"])
def test_paths_for_which_there_is_no_decoder_lead_somewhere_all_the_same(path: str) -> None:
    paths = CompiledPaths([parse_path(path), ("c",)])
    assert paths._decode is None
    assert paths.of(b'{"a":{"b":1,"\\"":1,"\\\\":1,"\\n":1},"c":2}')[1] == 2


def test_one_path_may_lead_through_the_end_of_another() -> None:
    paths = CompiledPaths([("a",), ("a", "b")])
    assert (paths._decode, paths.of(b'{"a":{"b":1}}')) == (None, ({"b": 1}, 1))


def test_another_process_gets_the_same() -> None:
    """One to which it is sent makes its decoder anew."""
    make, told = PATHS.__reduce__()
    assert pickle.dumps((make, told))
    there = make(*told)
    assert there._decode is not None
    assert there.of(b'{"a":1,"b":{"a":[2]}}') == (1, None, [2], None, None)


def test_no_number_is_too_long_for_a_body_that_is_short_enough() -> None:
    with pytest.raises(ValueError, match="digits"):
        PATHS.of(b'{"z":%b}' % (b"9" * (LONGEST + 1)))
