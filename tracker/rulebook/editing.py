"""A rule file edited in place: as a whole or not at all, over nobody else's edit, its earlier texts kept."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from tracker.errors import Misconfigured, Rejected
from tracker.rulebook.folder import Folder
from tracker.toml import decode
from tracker.toml.opening import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

EARLIER = ".earlier"
"""The folder beside a rule file that keeps its earlier texts; its dot keeps it from being read as rules."""
MOST_EARLIER = 20
"""Earlier texts of one file that are kept."""


class EditedMeanwhile(Rejected):
    """Raised where the file is not what was edited any more."""

    def __init__(self, name: str) -> None:
        super().__init__("edited_meanwhile", f"{name} was changed while it was edited")


class RuleFile:
    """A file of the rules' folder; raises Misconfigured unless it is a plain file that is read as one."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.path = name, folder / name
        if name not in Folder(folder).names() or self.path.is_symlink():
            raise Misconfigured("is no rule file that can be edited here: it is a link, or not there", file=name)

    def read(self) -> tuple[str, str]:
        """The text, its lines ended by a newline each, and the mark of exactly these bytes."""
        data = read_bytes(self.path)
        return decode(data, str(self.path)).replace("\r\n", "\n"), sha256(data).hexdigest()

    def save(self, text: str, mark: str, at: datetime) -> Path:
        """Put the text in the place of the bytes with that mark; where these are kept. Raises EditedMeanwhile."""
        with self._alone():
            data = read_bytes(self.path)
            if sha256(data).hexdigest() != mark:
                raise EditedMeanwhile(self.name)
            kept = self._keep(data, at)
            written = text.replace("\n", "\r\n") if b"\r\n" in data else text
            beside = self.path.with_name(f".{self.path.name}.{uuid4().hex}")
            try:
                with beside.open("xb") as file:
                    file.write(written.encode())
                    file.flush()
                    os.fsync(file.fileno())
                beside.chmod(self.path.stat().st_mode)
                beside.replace(self.path)
            finally:
                beside.unlink(missing_ok=True)
        return kept

    def _keep(self, data: bytes, at: datetime) -> Path:
        folder = self.path.parent / EARLIER
        folder.mkdir(exist_ok=True)
        kept = folder / f"{self.path.name}.{at:%Y%m%dT%H%M%S.%fZ}"
        kept.write_bytes(data)
        for old in sorted(folder.glob(f"{self.path.name}.2*Z"))[:-MOST_EARLIER]:
            old.unlink()
        return kept

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process of ours writes in this folder meanwhile."""
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise Misconfigured(f"cannot be written: {error.strerror or error}", file=self.name) from error
        finally:
            os.close(descriptor)


class EditedFolder(Folder):
    """The files as they are, but for one that has another text."""

    def __init__(self, folder: Path, name: str, text: str) -> None:
        super().__init__(folder)
        self._name, self._text = name, text

    def text(self, name: str) -> str:
        """The file's text, or the other one."""
        return self._text if name == self._name else super().text(name)
