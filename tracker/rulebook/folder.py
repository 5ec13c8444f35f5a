"""Where rule files come from: a folder, looked at within bounds, or the last good files as they were kept."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path, PurePosixPath

from tracker.errors import Misconfigured
from tracker.toml import read_text

TEMPLATES = "templates"
LARGEST_TEMPLATE = 2**18
MOST_IN_ALL = 32 * 2**20
"""Characters of all rule files together."""

MOST_ENTRIES = 10_000
"""Files and folders that there may be, those that are no rules among them."""

MOST_TOLD = 20
"""Files of which it is said that they are not read."""

_DEEPEST = 8
"""Folders within folders that are gone into."""

Sources = Mapping[str, str]
"""Texts by the names of their files within the folder: rule files, and the templates that they use."""


class Files(ABC):
    """Rule files and the templates beside them; `folder` is where they stand, or stood."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> str:
        """What faults call the file of that name."""
        return str(self._folder / name)

    @abstractmethod
    def names(self) -> list[str]:
        """The rule files, in the order in which they are read. Raises Misconfigured where they cannot be listed."""

    @abstractmethod
    def templates(self) -> list[str]:
        """The names of the templates, each with its folder."""

    @abstractmethod
    def text(self, name: str) -> str:
        """What stands in a file. Raises Misconfigured."""

    def passed_over(self) -> list[Misconfigured]:
        """What is not read, though it looks as if it should be."""
        return []


class Folder(Files):
    """The files as they are now."""

    def names(self) -> list[str]:
        """Every *.toml, also in folders below; folders and pipes of that name too, so that somebody is told."""
        try:
            with os.scandir(self._folder):
                entries = list(_below(self._folder))
        except FileNotFoundError as error:
            raise self._missing("there is no such folder") from error
        except NotADirectoryError as error:
            raise self._missing("is not a folder") from error
        except OSError as error:
            raise self._missing(f"cannot be read: {error.strerror or error}") from error
        if len(entries) > MOST_ENTRIES:
            raise self._missing(f"holds more than {MOST_ENTRIES} files and folders")
        names = [path.relative_to(self._folder) for path, _ in entries if _is_read(path.name)]
        return sorted(name.as_posix() for name in names if name.parts[0] != TEMPLATES)

    def templates(self) -> list[str]:
        """Every file below the folder of templates."""
        beside = self._folder / TEMPLATES
        return sorted(path.relative_to(self._folder).as_posix() for path, _ in _below(beside) if path.is_file())

    def text(self, name: str) -> str:
        """The file's text, opened with care; raises Misconfigured."""
        path = self._folder / name
        return read_text(path, LARGEST_TEMPLATE) if name.startswith(f"{TEMPLATES}/") else read_text(path)

    def passed_over(self) -> list[Misconfigured]:
        """Such as another program would read, or a shell on another system; and folders that are not gone into."""
        found = list(self._unread())
        if len(found) > MOST_TOLD:
            rest = Misconfigured(f"{len(found) - MOST_TOLD} more files are not read", file=str(self._folder))
            return [*found[:MOST_TOLD], rest]
        return found

    def _unread(self) -> Iterator[Misconfigured]:
        for path, entered in _below(self._folder):
            if entered or _is_read(path.name) or path.relative_to(self._folder).parts[0] == TEMPLATES:
                continue
            if path.is_dir():
                why = "it is a link to a folder" if path.is_symlink() else f"it is over {_DEEPEST} folders deep"
                yield Misconfigured(f"is not read: {why}", file=str(path))
            elif _looks_like_rules(path.name):
                yield Misconfigured("is not read: rule files end in .toml", file=str(path))

    def _missing(self, what: str) -> Misconfigured:
        return Misconfigured(f"{what}: make it, or put [rules] dir right", file=str(self._folder), key="rules.dir")


class KeptFiles(Files):
    """The files as they were when they were last good."""

    def __init__(self, sources: Sources, folder: Path) -> None:
        super().__init__(folder)
        self._sources = sources

    def names(self) -> list[str]:
        return sorted(name for name in self._sources if not name.startswith(f"{TEMPLATES}/"))

    def templates(self) -> list[str]:
        return sorted(name for name in self._sources if name.startswith(f"{TEMPLATES}/"))

    def text(self, name: str) -> str:
        return self._sources[name]


def revision_of_files(sources: Sources) -> str:
    """Twelve hexadecimal digits that the texts of all files decide."""
    digest = sha256()
    for name, text in sorted(sources.items()):
        for part in (name.encode(), text.encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]


def look_of(folder: Path) -> frozenset[tuple[str, int, int, int]]:
    """By what an edit of the rule files, or of the templates beside them, is noticed."""
    found = set()
    below = (path for path, _ in _below(folder) if _is_read(path.name) or TEMPLATES in path.relative_to(folder).parts)
    for path in (folder, *below):
        for look in (path.stat, path.lstat):
            with suppress(OSError):
                known = look()
                found.add((str(path), known.st_ino, known.st_size, known.st_ctime_ns))
    return frozenset(found)


def _is_read(name: str) -> bool:
    return name.endswith(".toml")


def _looks_like_rules(name: str) -> bool:
    suffixes = {suffix.lower().rstrip("~") for suffix in PurePosixPath(name).suffixes}
    return bool(suffixes & {".toml", ".yaml", ".yml"})


def _below(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Every file and folder below, and whether what is in it comes too: links are not followed, hidden ones not told.

    There is one more than MOST_ENTRIES where there are too many.
    """
    return islice(_found_below(folder), MOST_ENTRIES + 1)


def _found_below(folder: Path) -> Iterator[tuple[Path, bool]]:
    left = [(folder, 0)]
    while left:
        inner, depth = left.pop()
        entries: list[os.DirEntry[str]] = []
        with suppress(OSError), os.scandir(inner) as found:
            entries = sorted(islice(found, MOST_ENTRIES + 1), key=lambda entry: entry.name)
        for entry in entries:
            if not entry.name.startswith("."):
                entered = entry.is_dir(follow_symlinks=False) and depth < _DEEPEST
                left += [(inner / entry.name, depth + 1)] if entered else []
                yield inner / entry.name, entered
