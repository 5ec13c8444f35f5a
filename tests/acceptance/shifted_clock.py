"""A service whose clock the test sets, forward and back, while it runs: by libfaketime, where that is installed."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.service import Service

REQUIRED = "TRACKER_TEST_FAKETIME"
"""Where this is set in the environment, a machine without the library fails."""

PLACES = ("/usr/lib", "/usr/local/lib")


class ShiftedClock:
    """The clock of a service, and of nothing else; how long something takes is measured by another."""

    def __init__(self, service: Service) -> None:
        self._offset = service.folder / "clock-offset"
        self._shift = timedelta(0)
        service.environment = {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        }

    def set(self, moment: datetime) -> None:
        """It goes on from there, within a second where the service runs."""
        self._shift = moment - datetime.now(UTC)
        written = self._offset.with_suffix(".new")
        written.write_text(f"{self._shift.total_seconds():+.0f}\n")
        written.replace(self._offset)

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC) + self._shift


def library() -> str:
    """Where it lies; skips the test where it does not."""
    found = [path for place in PLACES for path in Path(place).glob("**/faketime/libfaketimeMT.so.1")]
    if not found:
        say = pytest.fail if os.environ.get(REQUIRED) else pytest.skip
        say("libfaketime is not installed (Debian: apt install libfaketime)")
    return str(found[0])
