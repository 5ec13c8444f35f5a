"""A body that comes in chunks, read strictly; extensions and trailers are read over."""

from __future__ import annotations

import re

from tracker.runtime.http_server.head import BAD_REQUEST, Refused

LONGEST_LINE = 1024
MOST_TRAILERS = 8 * 1024

_WORD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_EXTENSION = rb"[ \t]*+;[ \t]*+%b(?:[ \t]*+=[ \t]*+(?:%b|%b))?" % (_WORD, _WORD, _QUOTED)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15}+)(?:%b)*" % _EXTENSION)
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t -~\x80-\xff]*+")


class Chunks:
    """Takes the chunks off the front of what has come; `is_complete` after the last one and its trailers."""

    __slots__ = ("_left", "_trailers", "is_complete")

    def __init__(self) -> None:
        self._left = 0
        """Bytes of the present chunk that are still to come, its line break among them; 0: a size comes next."""
        self._trailers: int | None = None
        self.is_complete = False

    def take(self, buffer: bytearray) -> bytes:
        """What the chunks hold that are there, which leaves `buffer`; raises Refused."""
        pieces = []
        while not self.is_complete:
            if self._left > len(_CRLF):
                piece = bytes(buffer[: self._left - len(_CRLF)])
                del buffer[: len(piece)]
                self._left -= len(piece)
                pieces.append(piece)
                if self._left > len(_CRLF):
                    break
            if self._left:
                if len(buffer) < len(_CRLF):
                    if buffer and buffer != b"\r":
                        raise Refused(BAD_REQUEST, "a chunk of the body is longer than it says")
                    break
                if not buffer.startswith(_CRLF):
                    raise Refused(BAD_REQUEST, "a chunk of the body is longer than it says")
                del buffer[: len(_CRLF)]
                self._left = 0
            elif (line := _line(buffer)) is None:
                break
            else:
                self._read(line)
        return b"".join(pieces)

    def _read(self, line: bytes) -> None:
        """A line that says how long the next chunk is, or a trailer."""
        if self._trailers is None:
            found = _SIZE.fullmatch(line)
            if found is None:
                raise Refused(BAD_REQUEST, "the size of a chunk of the body is malformed")
            size = int(found[1], 16)
            self._left = size + len(_CRLF) if size else 0
            self._trailers = None if size else 0
        elif line:
            self._trailers += len(line)
            if not _TRAILER.fullmatch(line) or self._trailers > MOST_TRAILERS:
                raise Refused(BAD_REQUEST, "what follows the last chunk of the body is malformed, or too long")
        else:
            self.is_complete = True


_CRLF = b"\r\n"


def _line(buffer: bytearray) -> bytes | None:
    """The next line, without its end; None until it is whole. Raises Refused."""
    end = buffer.find(b"\n", 0, LONGEST_LINE)
    if end < 0:
        if len(buffer) >= LONGEST_LINE:
            raise Refused(BAD_REQUEST, "a line within the body's chunks is too long")
        if buffer.find(b"\r", 0, len(buffer) - 1) >= 0:
            raise Refused(BAD_REQUEST, "a line within the body's chunks is malformed")
        return None
    line = bytes(buffer[: end + 1])
    if not line.endswith(_CRLF) or b"\r" in line[:-2]:
        raise Refused(BAD_REQUEST, "a line within the body's chunks does not end in CR LF")
    del buffer[: end + 1]
    return line[:-2]
