"""Which files of the product run while one thing happens, and how often the running file changes."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tracker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ROOT = str(Path(tracker.__file__).parent) + "/"
BESIDE = ("store/lifeline.py",)
"""What watches the database meanwhile, and is no part of the way."""


@dataclass
class Walk:
    """What ran: functions by file, in the order in which the files were entered."""

    name: str
    files: dict[str, set[str]] = field(default_factory=dict)
    calls: int = 0
    changes: int = 0
    _last: str = ""

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(ROOT):
            return
        file = code.co_filename.removeprefix(ROOT)
        if file in BESIDE:
            return
        self.files.setdefault(file, set()).add(code.co_qualname)
        self.calls += 1
        self.changes += file != self._last
        self._last = file

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Count what this thread calls meanwhile."""
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)

    def __str__(self) -> str:
        functions = sum(map(len, self.files.values()))
        counted = {"files": len(self.files), "functions": functions, "calls": self.calls, "changes": self.changes}
        return f"{self.name:9}" + "".join(f"{number:6} {what}" for what, number in counted.items())


def whole(walks: list[Walk]) -> Walk:
    """All of them as one."""
    files: dict[str, set[str]] = {}
    for walk in walks:
        for file, functions in walk.files.items():
            files.setdefault(file, set()).update(functions)
    return Walk("whole", files, sum(walk.calls for walk in walks), sum(walk.changes for walk in walks))
