"""What others made, for tracker to be measured by: installed at the first use, in pinned versions, beside the code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparing import Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
NODE = HERE / "node"
QUEUES = HERE / "queues"
NOT_LONGER = 600


def node() -> str:
    """The program `node`, once what its servers need is installed; raises Missing."""
    programs = [shutil.which(name) for name in ("node", "npm")]
    if not all(programs):
        raise Missing("node and npm are not installed")
    _install(NODE / "node_modules", NODE / "package-lock.json", [[programs[1] or "", "ci", "--no-audit", "--no-fund"]])
    return programs[0] or ""


def queues_python() -> str:
    """The interpreter that has the Python libraries of others; raises Missing."""
    venv, lock = QUEUES / ".venv", QUEUES / "requirements.lock"
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", str(lock)]
    _install(venv, lock, [[sys.executable, "-m", "venv", "--clear", str(venv)], pip])
    return python


def program(name: str, missing: str) -> str:
    """Where a program of that name is; raises Missing."""
    if found := shutil.which(name):
        return found
    raise Missing(missing)


def _install(folder: Path, lock: Path, commands: Sequence[Sequence[str]]) -> None:
    """Carries out the commands beside the lock, unless that was done for the lock as it is."""
    stamp = folder / ".installed"
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return
    for command in commands:
        try:
            done = subprocess.run(
                command, cwd=lock.parent, capture_output=True, text=True, check=False, timeout=NOT_LONGER
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Missing(f"it could not be installed: {error}") from error
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise Missing(f"it could not be installed: {' '.join(last) or f'exit {done.returncode}'}")
    stamp.write_bytes(lock.read_bytes())
