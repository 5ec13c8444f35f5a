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

METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE")
HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade", b"http2-settings"})
"""What concerns this connection alone. An upgrade that is not taken is as if it had not been offered."""

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++) ([!-~]++) HTTP/1\.([01])")
_FIELD_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t -~\x80-\xff]*+")
_HEAD = re.compile(_REQUEST_LINE.pattern + rb"(?:\r\n" + _FIELD_LINE.pattern + rb")*")
_ABSOLUTE = re.compile(rb"https?://([^/?#@]++)((?:[/?][^#]*+)?)(?:#.*+)?", re.IGNORECASE)
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*+|\[[0-9A-Fa-f:.]++\])(?::[0-9]{0,5}+)?")
_REQUEST_LINE_BEGUN = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*+(?: (?:[!-~]*+(?: (?:H(?:T(?:T(?:P(?:/(?:1(?:\.(?:[01]\r?)?)?)?)?)?)?)?)?)?)?)?"
)
_FIELD_LINE_BEGUN = re.compile(rb"\r?|[!#$%&'*+.^_`|~0-9A-Za-z-]++(?::[\t -~\x80-\xff]*+\r?)?")
_LENGTH = re.compile(rb"[0-9]{1,18}+")
_STRAY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)")


class Refused(Exception):
    """The request is not taken; `status` and `more` headers go with the text."""

    def __init__(self, status: int, message: str, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(message)
        self.status, self.more = status, more


class Head(NamedTuple):
    """A request but for its body. `target` begins with a slash; header names are in lower case.

    `length` is that of the body in bytes, and None where it comes in chunks.
    """

    method: bytes
    target: bytes
    version: bytes
    headers: Sequence[tuple[bytes, bytes]]
    length: int | None
    is_kept: bool
    expects: bool

    def plainly(self) -> bytes:
        """The head as bytes in one form, without what concerns this connection alone."""
        lines = [b"%b %b HTTP/1.%b" % (self.method, self.target, self.version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] not in HOP_BY_HOP]
        if not self.is_kept:
            lines.append(b"connection: close")
        return b"\r\n".join([*lines, b"", b""])


def read_head(data: bytes) -> Head:
    """What stands before the empty line; raises Refused."""
    if len(data) > MOST_BYTES or data.count(b"\r\n") > MOST_LINES:
        raise too_large()
    found = _HEAD.fullmatch(data)
    if found is None:
        raise Refused(BAD_REQUEST, _fault(data))
    method, target, version = found.groups()
    headers = []
    for line in data.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        headers.append((name.lower(), value.strip(b" \t")))
    once = dict(headers)
    if len(once) != len(headers):
        _check_repeated(headers)
        once = {name: b", ".join(value for key, value in headers if key == name) for name in once}
    if method not in METHODS:
        allowed = b", ".join(METHODS)
        raise Refused(NOT_TAKEN, f"the method {method.decode()} is not taken here", [(b"allow", allowed)])
    _check_host(once.get(b"host"), version)
    tokens = once.get(b"connection")
    return Head(
        method,
        target if target.startswith(b"/") else _origin_form(target),
        version,
        headers,
        _length(once, version),
        version == b"1" and not (tokens and b"close" in _tokens(tokens)),
        version == b"1" and once.get(b"expect", b"").lower() == b"100-continue",
    )


def check_begun(data: bytearray, start: int, seen: int) -> int:
    """Refuse at once what cannot become a head; the place at which its next line begins. Raises Refused.

    `start` is that place as it was before, and `seen` how much had come then: each byte is looked at once.
    """
    if len(data) > MOST_BYTES:
        raise too_large()
    end = data.rfind(b"\r\n", max(start, seen - 1))
    lines = bytes(data[start:end]).split(b"\r\n") if end >= 0 else []
    for number, line in enumerate(lines):
        if not (_FIELD_LINE if start or number else _REQUEST_LINE).fullmatch(line):
            raise Refused(BAD_REQUEST, _fault(line))
    start = end + 2 if end >= 0 else start
    if start >= seen:
        begun = _FIELD_LINE_BEGUN if start else _REQUEST_LINE_BEGUN
        is_well = begun.fullmatch(bytes(data[start:])) is not None
    else:
        is_well = _STRAY.search(bytes(data[max(seen - 1, start) :])) is None
    if not is_well:
        raise Refused(BAD_REQUEST, _fault(bytes(data)))
    return start


def too_large() -> Refused:
    """The answer to a head beyond the bounds."""
    return Refused(TOO_LARGE, f"the headers may have {MOST_BYTES} bytes in {MOST_LINES} lines at most")


def _fault(data: bytes) -> str:
    if _STRAY.search(data):
        return "the head of the request holds a control character, or a line break that is not CR LF"
    return "this is not a request of HTTP/1.1 or HTTP/1.0, or a header is malformed"


def _check_repeated(headers: Iterable[tuple[bytes, bytes]]) -> None:
    times = Counter(name for name, _ in headers)
    for name in (b"host", b"content-length", b"transfer-encoding"):
        if times[name] > 1:
            raise Refused(BAD_REQUEST, f"the header {name.decode()} may come only once")


def _check_host(host: bytes | None, version: bytes) -> None:
    if host is None:
        if version == b"1":
            raise Refused(BAD_REQUEST, "the header host is missing")
    elif not _HOST.fullmatch(host):
        raise Refused(BAD_REQUEST, "the header host names no host")


def _origin_form(target: bytes) -> bytes:
    """The path and query of an address that was given whole."""
    found = _ABSOLUTE.fullmatch(target)
    if found is None or not found[1] or not _HOST.fullmatch(found[1]):
        raise Refused(BAD_REQUEST, "the target of the request is neither a path nor a web address")
    return found[2] if found[2].startswith(b"/") else b"/" + found[2]


def _length(headers: dict[bytes, bytes], version: bytes) -> int | None:
    coding, length = headers.get(b"transfer-encoding"), headers.get(b"content-length")
    if coding is None:
        if length is not None and not _LENGTH.fullmatch(length):
            raise Refused(BAD_REQUEST, "the header content-length is not a number of bytes")
        return int(length or 0)
    if length is not None or version != b"1":
        raise Refused(BAD_REQUEST, "transfer-encoding goes neither with content-length nor with HTTP/1.0")
    if coding.lower() != b"chunked":
        raise Refused(BAD_REQUEST, "the only transfer-encoding that is read is chunked")
    return None


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip(b" \t").lower() for token in value.split(b",")]
