"""Where rule files come from: a folder, looked at within bounds, or the last good files as they were kept."""

from __future__ import annotations

import os
import stat
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
"""Files and folders that are looked at."""

MOST_TOLD = 20
"""Files of which it is said that they are not read."""

_DEEPEST = 8
_LOCK = ".#"
"""How the locks of an editor begin, which are links to nothing."""

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
        """Every *.toml, folders and pipes of that name too, so that somebody is told."""
        try:
            names = [name for name in islice(_names(self._folder), MOST_ENTRIES + 1) if _is_read(name)]
        except FileNotFoundError as error:
            raise self._missing("there is no such folder") from error
        except NotADirectoryError as error:
            raise self._missing("is not a folder") from error
        except OSError as error:
            raise self._missing(f"cannot be read: {error.strerror or error}") from error
        return sorted(names)

    def templates(self) -> list[str]:
        """Every file below the folder of templates."""
        beside = self._folder / TEMPLATES
        return sorted(path.relative_to(self._folder).as_posix() for path in _below(beside) if path.is_file())

    def text(self, name: str) -> str:
        """The file's text, opened with care; raises Misconfigured."""
        path = self._folder / name
        return read_text(path, LARGEST_TEMPLATE) if name.startswith(f"{TEMPLATES}/") else read_text(path)

    def passed_over(self) -> list[Misconfigured]:
        """Files in folders below, and such as another program would read, or a shell on another system."""
        found = list(self._unread())
        if len(found) > MOST_TOLD:
            rest = Misconfigured(f"{len(found) - MOST_TOLD} more files are not read", file=str(self._folder))
            return [*found[:MOST_TOLD], rest]
        return found

    def _unread(self) -> Iterator[Misconfigured]:
        for path in _below(self._folder):
            name = path.relative_to(self._folder)
            if name.parts[0] == TEMPLATES or (len(name.parts) == 1 and _is_read(path.name)):
                continue
            if path.is_dir():
                yield Misconfigured("is not read: it is a link to a folder", file=str(path))
            elif _looks_like_rules(path.name):
                where = (
                    "rule files end in .toml" if len(name.parts) == 1 else f"rule files stand right in {self._folder}"
                )
                yield Misconfigured(f"is not read: {where}", file=str(path))

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
    for path in (folder, *_beside(folder), *_below(folder / TEMPLATES)):
        for look in (path.stat, path.lstat):
            with suppress(OSError):
                known = look()
                found.add((str(path), known.st_ino, known.st_size, known.st_ctime_ns))
    return frozenset(found)


def _beside(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (folder / name for name in islice(_names(folder), MOST_ENTRIES) if _is_read(name))


def _names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries)


def _is_read(name: str) -> bool:
    return name.endswith(".toml") and not name.startswith(_LOCK)


def _looks_like_rules(name: str) -> bool:
    suffixes = {suffix.lower().rstrip("~") for suffix in PurePosixPath(name).suffixes}
    return bool(suffixes & {".toml", ".yaml", ".yml"})


def _below(folder: Path) -> Iterator[Path]:
    """Every file below, and links to folders, which are not followed; hidden ones are nobody's business."""
    left, looked_at = [(folder, 0)], 0
    while left:
        inner, depth = left.pop()
        names: list[str] = []
        with suppress(OSError):
            names = sorted(islice(_names(inner), MOST_ENTRIES - looked_at))
        for name in names:
            looked_at += 1
            path = inner / name
            with suppress(OSError):
                if name.startswith("."):
                    continue
                if stat.S_ISDIR(path.lstat().st_mode):
                    left.extend([(path, depth + 1)] if depth < _DEEPEST else [])
                else:
                    yield path
