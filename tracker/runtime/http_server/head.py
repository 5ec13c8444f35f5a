"""The head of a request, read strictly: what two servers could read differently is refused.

RFC 9112 leaves a server free to mend much of what is malformed. Nothing is mended here, so that whoever reads the
request after us, or read it before us, finds the same boundaries as we do.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_BYTES = 32 * 1024
MOST_LINES = 100
BAD_REQUEST, NOT_TAKEN, TOO_LARGE = 400, 405, 431

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "upgrade", "http2-settings"})
"""What concerns this connection alone. An upgrade that is not taken is as if it had not been offered."""

_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]++) ([!-~]++) HTTP/1\.([01])")
_FIELD_LINE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t -~\x80-\xff]*+")
_HEAD = re.compile(_REQUEST_LINE.pattern + r"(?:\r\n" + _FIELD_LINE.pattern + r")*")
_ABSOLUTE = re.compile(r"https?://([^/?#@]++)((?:[/?][^#]*+)?)(?:#.*+)?", re.IGNORECASE)
_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*+|\[[0-9A-Fa-f:.]++\])(?::[0-9]{0,5}+)?")
_REQUEST_LINE_BEGUN = re.compile(
    r"[!#$%&'*+.^_`|~0-9A-Za-z-]*+(?: (?:[!-~]*+(?: (?:H(?:T(?:T(?:P(?:/(?:1(?:\.(?:[01]\r?)?)?)?)?)?)?)?)?)?)?)?"
)
_FIELD_LINE_BEGUN = re.compile(r"\r?|[!#$%&'*+.^_`|~0-9A-Za-z-]++(?::[\t -~\x80-\xff]*+\r?)?")
_LENGTH = re.compile(r"[0-9]{1,18}+")
_STRAY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)")


class Refused(Exception):
    """The request is not taken; `status` and `more` headers go with the text."""

    def __init__(self, status: int, message: str, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(message)
        self.status, self.more = status, more


class Head(NamedTuple):
    """A request but for its body. `target` begins with a slash; `lines` are those of the headers, as they came.

    `fields` are the headers by their names in lower case; what came several times is there as `fields_of` has it.
    `length` is that of the body in bytes, and None where it comes in chunks.
    """

    method: str
    target: str
    version: str
    lines: Sequence[str]
    fields: dict[str, str]
    length: int | None
    is_kept: bool
    expects: bool

    def plainly(self) -> bytes:
        """The head as bytes in one form, without what concerns this connection alone."""
        lines = [f"{self.method} {self.target} HTTP/1.{self.version}"]
        lines += [f"{name}: {value}" for name, value in map(_field, self.lines) if name not in HOP_BY_HOP]
        if not self.is_kept:
            lines.append("connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def read_head(data: bytes | bytearray) -> Head:
    """What stands before the empty line; raises Refused."""
    if len(data) > MOST_BYTES or data.count(b"\r\n") > MOST_LINES:
        raise too_large()
    text = data.decode("latin-1")
    found = _HEAD.fullmatch(text)
    if found is None:
        raise Refused(BAD_REQUEST, _fault(text))
    method, target, version = found.groups()
    lines = text.split("\r\n")
    del lines[0]
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip(" \t")
    if len(fields) != len(lines):
        fields = fields_of(map(_field, lines))
        _check_repeated(lines)
    if method not in METHODS:
        raise Refused(NOT_TAKEN, f"the method {method} is not taken here", [(b"allow", ", ".join(METHODS).encode())])
    _check_host(fields.get("host"), version)
    tokens = fields.get("connection")
    return Head(
        method,
        target if target.startswith("/") else _origin_form(target),
        version,
        lines,
        fields,
        _length(fields, version),
        version == "1" and not (tokens and "close" in _tokens(tokens)),
        version == "1" and "expect" in fields and fields["expect"].lower() == "100-continue",
    )


def fields_of(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their names, which are in lower case.

    What came several times is there once where it says the same, and else in as many lines, which no header can have.
    """
    fields: dict[str, str] = {}
    for name, value in headers:
        fields[name] = value if fields.get(name, value) == value else f"{fields[name]}\n{value}"
    return fields


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip(" \t")


def check_begun(data: bytearray, start: int, seen: int) -> int:
    """Refuse at once what cannot become a head; the place at which its next line begins. Raises Refused.

    `start` is that place as it was before, and `seen` how much had come then: each byte is looked at once.
    """
    if len(data) > MOST_BYTES:
        raise too_large()
    end = data.rfind(b"\r\n", max(start, seen - 1))
    lines = data[start:end].decode("latin-1").split("\r\n") if end >= 0 else []
    for number, line in enumerate(lines):
        if not (_FIELD_LINE if start or number else _REQUEST_LINE).fullmatch(line):
            raise Refused(BAD_REQUEST, _fault(line))
    start = end + 2 if end >= 0 else start
    if start >= seen:
        begun = _FIELD_LINE_BEGUN if start else _REQUEST_LINE_BEGUN
        is_well = begun.fullmatch(data[start:].decode("latin-1")) is not None
    else:
        is_well = _STRAY.search(data[max(seen - 1, start) :].decode("latin-1")) is None
    if not is_well:
        raise Refused(BAD_REQUEST, _fault(data.decode("latin-1")))
    return start


def too_large() -> Refused:
    """The answer to a head beyond the bounds."""
    return Refused(TOO_LARGE, f"the headers may have {MOST_BYTES} bytes in {MOST_LINES} lines at most")


def _fault(data: str) -> str:
    if _STRAY.search(data):
        return "the head of the request holds a control character, or a line break that is not CR LF"
    return "this is not a request of HTTP/1.1 or HTTP/1.0, or a header is malformed"


def _check_repeated(lines: Iterable[str]) -> None:
    times = Counter(name for name, _ in map(_field, lines))
    for name in ("host", "content-length", "transfer-encoding"):
        if times[name] > 1:
            raise Refused(BAD_REQUEST, f"the header {name} may come only once")


def _check_host(host: str | None, version: str) -> None:
    if host is None:
        if version == "1":
            raise Refused(BAD_REQUEST, "the header host is missing")
    elif not _HOST.fullmatch(host):
        raise Refused(BAD_REQUEST, "the header host names no host")


def _origin_form(target: str) -> str:
    """The path and query of an address that was given whole."""
    found = _ABSOLUTE.fullmatch(target)
    if found is None or not found[1] or not _HOST.fullmatch(found[1]):
        raise Refused(BAD_REQUEST, "the target of the request is neither a path nor a web address")
    return found[2] if found[2].startswith("/") else "/" + found[2]


def _length(headers: dict[str, str], version: str) -> int | None:
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is None:
        if length is not None and not _LENGTH.fullmatch(length):
            raise Refused(BAD_REQUEST, "the header content-length is not a number of bytes")
        return int(length or 0)
    if length is not None or version != "1":
        raise Refused(BAD_REQUEST, "transfer-encoding goes neither with content-length nor with HTTP/1.0")
    if coding.lower() != "chunked":
        raise Refused(BAD_REQUEST, "the only transfer-encoding that is read is chunked")
    return None


def _tokens(value: str) -> list[str]:
    return [token.strip(" \t").lower() for token in value.replace("\n", ",").split(",")]
