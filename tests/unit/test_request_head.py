"""The head of a request: what is taken, what is refused, and that it is as well refused in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tracker.runtime.http_server.head import MOST_BYTES, MOST_LINES, Head, Refused, check_begun, read_head
from tracker.runtime.http_server.uvicorn_protocol import Chunks

GOOD = b"POST /webhooks/x HTTP/1.1\r\nHost: tracker\r\nContent-Length: 5"


def status(data: bytes) -> int:
    """0 where it is taken."""
    try:
        read_head(data)
    except Refused as refused:
        return refused.status
    return 0


def test_a_plain_head_is_read() -> None:
    assert read_head(GOOD + b"\r\nX-Odd:\t a \xe9 b \t") == Head(
        "POST", "/webhooks/x", "1", ["Host: tracker", "Content-Length: 5", "X-Odd:\t a \xe9 b \t"],
        {"host": "tracker", "content-length": "5", "x-odd": "a \xe9 b"}, 5, is_kept=True, expects=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "more"),
    [
        (b"GET / HTTP/1.1", b""),
        (b"GET / HTTP/1.1", b"Host: a\r\nHost: a"),
        (b"GET / HTTP/1.1", b"Host: a b"),
        (b"GET / HTTP/1.1", b"Host: http://a"),
        (b"GET / HTTP/1.1", b"Host: [::1"),
        (b"GET / HTTP/1.1", b"Host: a:port"),
        (b"GET / HTTP/1.1", b"Host: a\r\n folded"),
        (b"GET / HTTP/1.1", b"Host : a"),
        (b"GET / HTTP/1.1", b"Host: a\r\nX"),
        (b"GET / HTTP/1.1", b"Host: a\r\n: x"),
        (b"GET / HTTP/1.1", b"Host: a\nX: b"),
        (b"GET / HTTP/1.1", b"Host: a\rX: b"),
        (b"GET / HTTP/1.1", b"Host: a\r\nX: \x00"),
        (b"GET / HTTP/1.1", b"Host: a\r\nContent-Length: +5"),
        (b"GET / HTTP/1.1", b"Host: a\r\nContent-Length: 5, 5"),
        (b"GET / HTTP/1.1", b"Host: a\r\nContent-Length: 5\r\nContent-Length: 5"),
        (b"GET / HTTP/1.1", b"Host: a\r\nContent-Length: 1000000000000000000000"),
        (b"GET / HTTP/1.1", b"Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"),
        (b"GET / HTTP/1.1", b"Host: a\r\nTransfer-Encoding: gzip, chunked"),
        (b"GET / HTTP/1.1", b"Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        (b"GET / HTTP/1.1", b"Host: a\r\nTransfer-Encoding: \x0bchunked"),
        (b"GET / HTTP/1.0", b"Host: a\r\nTransfer-Encoding: chunked"),
        (b"GET  / HTTP/1.1", b"Host: a"),
        (b"GET /a b HTTP/1.1", b"Host: a"),
        (b"GET /\xe9 HTTP/1.1", b"Host: a"),
        (b"GET / HTTP/2.0", b"Host: a"),
        (b"GET / HTTP/1.10", b"Host: a"),
        (b"GET /", b"Host: a"),
        (b"GET ftp://a/ HTTP/1.1", b"Host: a"),
        (b"GET a/b HTTP/1.1", b"Host: a"),
        (b"GET http://a@b/ HTTP/1.1", b"Host: a"),
    ],
)
def test_what_two_servers_could_read_differently_is_refused(line: bytes, more: bytes) -> None:
    assert status(line + (b"\r\n" + more if more else b"")) == 400


def test_a_method_that_is_not_known_is_not_taken() -> None:
    assert status(b"BREW / HTTP/1.1\r\nHost: a") == 405


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://host:1234", "/"),
        (b"HTTP://host/a/b?c=d", "/a/b?c=d"),
        (b"http://host?c=d", "/?c=d"),
        (b"https://[::1]:8/x#y", "/x"),
    ],
)
def test_an_address_that_is_given_whole_is_read_as_its_path(target: bytes, path: str) -> None:
    assert read_head(b"GET %b HTTP/1.1\r\nHost: a" % target).target == path


def test_an_offered_upgrade_is_not_passed_on() -> None:
    head = read_head(
        GOOD + b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nX-Kept: yes"
    )
    assert (head.is_kept, head.length) == (True, 5)
    assert head.plainly() == GOOD.lower().replace(b"post", b"POST").replace(b"http/", b"HTTP/") + (
        b"\r\nx-kept: yes\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        (b"X-Signature: a\r\nx-signature:a ", "a"),
        (b"X-Signature: a\r\nx-signature: b", "a\nb"),
        (b"X-Signature: a\r\nx-signature: b\r\nX-SIGNATURE: a", "a\nb\na"),
    ],
)
def test_what_came_several_times_is_no_header_that_could_come_once(lines: bytes, field: str) -> None:
    assert read_head(GOOD + b"\r\n" + lines).fields["x-signature"] == field


def test_one_of_several_connection_headers_may_end_it() -> None:
    assert not read_head(GOOD + b"\r\nConnection: keep-alive\r\nConnection: Close").is_kept


def test_the_bounds_are_those_that_are_told() -> None:
    lines = b"".join(b"\r\nX-%d: y" % number for number in range(MOST_LINES - 2))
    assert status(GOOD + lines) == 0
    assert status(GOOD + lines + b"\r\nX: y") == 431
    most = MOST_BYTES - len(GOOD) - len(b"\r\nX: ")
    assert status(GOOD + b"\r\nX: " + b"y" * most) == 0
    assert status(GOOD + b"\r\nX: " + b"y" * (most + 1)) == 431


def in_pieces(data: bytes, cuts: set[int]) -> int:
    """The status as it is found when the data comes in pieces, and ends in an empty line."""
    buffer, line, seen = bytearray(), 0, 0
    places = sorted({cut for cut in cuts if 0 < cut < len(data)} | {len(data)})
    try:
        for start, end in zip([0, *places], places, strict=False):
            buffer += data[start:end]
            line, seen = check_begun(buffer, line, seen), len(buffer)
    except Refused as refused:
        return refused.status
    return status(data)


HEADS = some.sampled_from(
    [
        GOOD,
        GOOD.replace(b"\r\n", b"\n"),
        GOOD.replace(b"HTTP", b"HTT"),
        GOOD + b"\r\n folded",
        GOOD + b"\r\nX\x00: y",
        GOOD + b"\r\nX:y\r",
        GOOD + b"\r\nX: " + b"y" * 40_000,
        b"\x16\x03\x01" + GOOD,
        GOOD + b"\r\nA B: c",
    ]
)


@given(HEADS, some.sets(some.integers(1, 41_000), max_size=20))
def test_a_head_in_pieces_is_judged_like_a_whole_one(data: bytes, cuts: set[int]) -> None:
    assert in_pieces(data, cuts) == status(data)


PIECES = some.lists(some.binary(min_size=1, max_size=40), max_size=5)
EXTENSIONS = some.sampled_from([b"", b";a", b";a=b", b' ; a="b;\\"c"'])


@given(PIECES, EXTENSIONS, some.sets(some.integers(1, 300)))
def test_chunks_are_put_together_wherever_they_are_cut(pieces: list[bytes], extension: bytes, cuts: set[int]) -> None:
    """Extensions and trailers are read over, and what follows is left."""
    sent = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
    sent += b"0\r\nX-Signature: no\r\n\r\n"
    chunks, buffer, found = Chunks(), bytearray(), b""
    places = sorted({cut for cut in cuts if cut < len(sent)} | {len(sent)})
    for start, end in zip([0, *places], places, strict=False):
        assert not chunks.is_complete
        buffer += sent[start:end] + (b"GET" if end == len(sent) else b"")
        found += chunks.take(buffer)
    assert (chunks.is_complete, found, bytes(buffer)) == (True, b"".join(pieces), b"GET")


@pytest.mark.parametrize(
    "sent",
    [
        b"5\r\nabcdefg\r\n", b"x\r\n", b"-1\r\n", b"0x5\r\nabcde\r\n", b"5 \r\nabcde\r\n", b"5;\r\nabcde\r\n", b"\r\n",
        b'5;a="b\r\nabcde\r\n', b"5\nabcde\r\n", b"1000000000000000\r\n", b"0\r\nno trailer\r\n\r\n", b"5\rabc\n",
        b"5;" + b"a" * 2000, b"0\r\n" + b"a: b\r\n" * 4000,
    ],
)  # fmt: skip
def test_malformed_chunks_are_refused(sent: bytes) -> None:
    with pytest.raises(Refused):
        Chunks().take(bytearray(sent))


@pytest.mark.parametrize("line", [b"Host: a", b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_a_header_that_came_twice_and_may_not_is_named(line: bytes) -> None:
    name = line.partition(b":")[0].decode().lower()
    with pytest.raises(Refused, match=f"the header {name} may come only once"):
        read_head(b"POST / HTTP/1.1\r\nX: y\r\n" + line + b"\r\n" + line)
