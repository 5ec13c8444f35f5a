"""A clock that can be put forward and back under a running process, by libfaketime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

PLACES = tuple(f"/usr/{folder}/faketime/libfaketime.so.1" for folder in ("lib/*", "lib", "lib64"))
AUTUMN = datetime(2026, 10, 25, 0, 57, tzinfo=UTC)
"""Three minutes before the clocks of Berlin go back from three to two."""


class ShiftedClock:
    """What `environment` is given to sees the time shifted by `offset`; the monotonic clock is left alone."""

    def __init__(self, file: Path) -> None:
        self._file, self._library = file, library()
        self.offset = timedelta(0)
        self.shift(timedelta(0))

    @property
    def environment(self) -> dict[str, str]:
        """For the process that is to see it."""
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        }

    def shift(self, offset: timedelta) -> None:
        """So far from the true time, from now on."""
        self.offset = offset
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset.total_seconds():+.3f}\n")
        new.rename(self._file)

    def show(self, moment: datetime) -> None:
        """It is that moment now."""
        self.shift(moment - datetime.now(UTC))


def library() -> str:
    """Where it is; skips the test where it is not."""
    for pattern in PLACES:
        if found := sorted(Path("/").glob(pattern[1:])):
            return str(found[0])
    pytest.skip("there is no libfaketime here (Debian: apt install libfaketime)")
