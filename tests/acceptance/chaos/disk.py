"""A file system of its own, small enough to be filled."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOUNT, UMOUNT = shutil.which("mount"), shutil.which("umount")


@contextmanager
def a_small_disk(folder: Path, size: int) -> Iterator[Path]:
    """With that many megabytes; skips the test where none can be made."""
    folder.mkdir()
    if not MOUNT or not UMOUNT or os.geteuid() != 0:
        pytest.skip("only root may make a small disk")
    command = [MOUNT, "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False).returncode:
        pytest.skip("no small disk can be made here")
    try:
        yield folder
    finally:
        subprocess.run([UMOUNT, "--lazy", str(folder)], check=True)
