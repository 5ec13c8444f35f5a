"""The file that keeps the secrets of registered webhooks: the newest first, and read again only when it has changed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkstemp

from tracker.errors import Misconfigured
from tracker.runtime.logger import Logger

log = Logger(__name__)

OTHERS = 0o077
LOOK_EVERY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """A line: a secret, and after a blank the id of the webhook that it signs, "" where nobody wrote it down."""

    secret: str = field(repr=False)
    webhook: str = ""


class SecretFile:
    """The secrets in the file at `path`, which need not be there yet; raises Misconfigured when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._looked: datetime | None = None
        self._seen = _stamp(path)
        self.kept = self._read()

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The secrets as of the last time that the file was read."""
        return tuple(one.secret.encode() for one in self.kept)

    def changed(self) -> bool:
        """Whether there is something new, which has been read then; a file that is broken changes nothing."""
        stamp = _stamp(self.path)
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self.kept = self._read()
        except Misconfigured as error:
            log.warning("secrets.unreadable", error=str(error))
            return False
        return True

    def keep_up(self, now: datetime) -> None:
        """Look again if that was long ago, so that a secret that was taken out of the file ends soon."""
        if self._looked is None or abs(now - self._looked) > LOOK_EVERY:
            self._looked = now
            self.changed()

    def is_open_to_others(self) -> bool:
        """Whether others on this machine may read it."""
        return self.path.exists() and bool(self.path.stat().st_mode & OTHERS)

    def check(self) -> None:
        """Raises Misconfigured unless a secret can be kept here."""
        with _told_as_faults(self.path), self._alone():
            made, name = mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            os.close(made)
            Path(name).unlink()

    def add(self, secret: str, webhook: str) -> None:
        """Keep a new secret before all others."""
        self._write(lambda kept: (StoredSecrets(secret, webhook), *kept))

    def drop(self, webhook: str) -> bool:
        """Forget the secret of that webhook; answers whether there was one."""
        before = self.kept
        self._write(lambda kept: tuple(one for one in kept if one.webhook != webhook))
        return self.kept != before

    def _read(self) -> tuple[StoredSecrets, ...]:
        with _told_as_faults(self.path):
            try:
                lines = self.path.read_text(encoding="utf-8").splitlines()
            except FileNotFoundError:
                return ()
        return tuple(_line(self.path, number, line.split()) for number, line in enumerate(lines, 1) if line.strip())

    def _write(self, change: Callable[[tuple[StoredSecrets, ...]], tuple[StoredSecrets, ...]]) -> None:
        """Whole and at once, so that nobody reads a half, and for its owner alone."""
        with _told_as_faults(self.path), self._alone():
            self.kept = change(self._read())
            _replace(self.path.resolve(), "".join(f"{one.secret} {one.webhook}".rstrip() + "\n" for one in self.kept))
            self._seen = _stamp(self.path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One command at a time changes it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def _line(path: Path, number: int, words: list[str]) -> StoredSecrets:
    if len(words) > 2:  # noqa: PLR2004  (a secret and an id)
        wanted = "a line is a secret, and after a blank the id of its webhook; this one has more"
        raise Misconfigured(wanted, file=str(path), line=number)
    return StoredSecrets(*words)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _replace(path: Path, text: str) -> None:
    """The file is the service's: whoever runs the command, it keeps its owner, or takes that of its folder."""
    made, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(made, "w", encoding="utf-8") as file:
            if os.geteuid() == 0:
                owner = (path if path.exists() else path.parent).stat()
                os.fchown(made, owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(made)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _told_as_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise Misconfigured("is not UTF-8", file=str(path)) from error
    except OSError as error:
        raise Misconfigured(f"cannot be used: {error.strerror}", file=str(path)) from error
