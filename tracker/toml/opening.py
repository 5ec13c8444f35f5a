"""Files that somebody else may write, opened so that none is waited for or read without an end."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 8 * 2**20
"""Bytes of one file."""

LOOKS = 3
"""How often a file is read that changes meanwhile."""

_HOW = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FILES: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "is a folder, not a file: move it, or give it another name"),
    (stat.S_ISFIFO, "is a pipe, not a file: write its text to a file"),
    (stat.S_ISSOCK, "is a socket, not a file: move it, or give it another name"),
    (stat.S_ISCHR, "is a device, not a file: write its text to a file"),
    (stat.S_ISBLK, "is a device, not a file: write its text to a file"),
)
_MARKS = ((b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_MARK = b"\xef\xbb\xbf"


def read_text(path: Path, largest: int = LARGEST) -> str:
    """The text of a file, without the mark that some editors put before it. Raises Misconfigured."""
    return decode(read_bytes(path, largest), str(path))


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """What stands in a regular file, as it was at one moment. Raises Misconfigured."""
    for _ in range(LOOKS):
        try:
            found = _read(path, largest)
        except OSError as error:
            raise Misconfigured(_why(path, error), file=str(path)) from error
        if found is not None:
            return found
    raise Misconfigured("changes while it is read: write it anew and rename it into its place", file=str(path))


def decode(data: bytes, file: str) -> str:
    """The text of bytes that must be UTF-8. Raises Misconfigured, with the place of the first that is not."""
    if name := _other_encoding(data):
        raise Misconfigured(f"is {name}: save it as UTF-8", file=file, line=1, column=1)
    data = data.removeprefix(_MARK)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        begin = data.rfind(b"\n", 0, error.start) + 1
        line, column = data.count(b"\n", 0, error.start) + 1, len(data[begin : error.start].decode()) + 1
        what = f"the byte 0x{data[error.start]:02X}{_meant(data[error.start])} is not UTF-8: save the file as UTF-8"
        raise Misconfigured(what, file=file, line=line, column=column) from error


def _read(path: Path, largest: int) -> bytes | None:
    """Nothing, where the file was written to meanwhile."""
    _refuse(path, path.stat(), largest)
    descriptor = os.open(path, _HOW)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  (a path cannot be opened without waiting)
        before = os.fstat(descriptor)
        _refuse(path, before, largest)
        parts, left = [], largest + 1
        while left and (part := file.read(left)):
            parts.append(part)
            left -= len(part)
        after = os.fstat(descriptor)
    if not left:
        raise _too_large(path, largest)
    return b"".join(parts) if _version(before) == _version(after) else None


def _refuse(path: Path, known: os.stat_result, largest: int) -> None:
    for is_such, what in _NO_FILES:
        if is_such(known.st_mode):
            raise Misconfigured(what, file=str(path))
    if known.st_size > largest:
        raise _too_large(path, largest)


def _too_large(path: Path, largest: int) -> Misconfigured:
    most = f"{largest // 2**20} MiB" if largest >= 2**20 else f"{largest // 2**10} KiB"
    return Misconfigured(f"is larger than {most}: split it", file=str(path))


def _version(known: os.stat_result) -> tuple[int, int]:
    return known.st_mtime_ns, known.st_size


def _why(path: Path, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "is a link that leads to itself: remove it"
    if error.errno == errno.ENOENT and path.is_symlink():
        to = ""
        with suppress(OSError):
            to = f' "{path.readlink()}"'
        return f"is a link to a file{to} that is not there: remove it, or put the file back"
    if error.errno == errno.ENOENT:
        return "there is no such file"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "cannot be read: permission denied; let the account that runs tracker read it"
    return f"cannot be read: {error.strerror or error}"


def _other_encoding(data: bytes) -> str:
    """The encoding that shows in its mark, or in every other byte being none; UTF-8 shows in nothing."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    beginning = data[:64]
    if len(beginning) > 1 and (not any(beginning[::2]) or not any(beginning[1::2])):
        return "UTF-16"
    return ""


def _meant(byte: int) -> str:
    """What the byte is in the encoding that Turkish Windows used before; ours to guess, so only as a remark."""
    try:
        return f' ("{bytes([byte]).decode("cp1254")}" in Windows-1254)'
    except UnicodeDecodeError:
        return ""
