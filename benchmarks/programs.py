"""Programs that are measured: workers, which take turns with us (turns.py), and servers, which listen on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

from benchmarks.comparing import Failed, Figures
from benchmarks.measuring import cpu_of, postgres_cpu
from benchmarks.placing import MEASURED, OTHERS, on_cores
from benchmarks.turns import FIGURES, GO, PREPARE, READY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0
LAST_LINES = 4


def python(module: str, *words: object) -> list[str]:
    """A module of ours, in a process of its own."""
    return [sys.executable, "-m", module, *map(str, words)]


class Worker:
    """A program that does its work once for each round."""

    def __init__(self, process: subprocess.Popen[str], complaints: IO[bytes]) -> None:
        self._process, self._complaints = process, complaints

    def measure(self) -> Figures:
        """Let it prepare, then work, and measure what that took of it and of Postgres."""
        self._say(PREPARE)
        self._told(READY)
        here = psutil.Process(self._process.pid)
        ours, postgres, began = cpu_of(here), postgres_cpu(), time.perf_counter()
        self._say(GO)
        said: Figures = json.loads(self._told(FIGURES))
        wall = time.perf_counter() - began
        ours, postgres = cpu_of(here) - ours + said.pop("children", 0.0), postgres_cpu() - postgres
        return per_event(said.pop("count"), wall, ours, postgres) | said

    def _say(self, word: str) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # what it said last is told where its answer is missing
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()

    def _told(self, word: str) -> str:
        """The rest of the line that begins with the word; what else is said does not matter."""
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith(word):
                return line.removeprefix(word)
        raise Failed(_last_words(self._process.args, self._complaints))


@contextmanager
def a_worker(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Iterator[Worker]:
    """The program, for as many rounds as the block wants."""
    with _started(command, environ, subprocess.PIPE) as (process, complaints):
        yield Worker(process, complaints)


def work(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Figures:
    """One round of a program that is started for it."""
    with a_worker(command, environ) as worker:
        return worker.measure()


def per_event(count: float, wall: float, ours: float, postgres: float) -> Figures:
    """The rate, the microseconds of CPU for each, and how much of a core that was."""
    return {
        "per_second": count / wall,
        "ours": ours / count * 1e6,
        "postgres": postgres / count * 1e6,
        "server_core": 100 * ours / wall,
        "postgres_core": 100 * postgres / wall,
    }


@contextmanager
def a_server(
    command: Sequence[str],
    port: int,
    environ: Mapping[str, str] | None = None,
    cores: frozenset[int] = MEASURED,
) -> Iterator[psutil.Process]:
    """The server, once it listens; it is asked to end with the block."""
    with _started(command, environ, subprocess.DEVNULL, cores) as (process, complaints):
        deadline = time.monotonic() + PATIENCE
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(_last_words(command, complaints))
            time.sleep(0.01)
        yield psutil.Process(process.pid)


@contextmanager
def working(command: Sequence[str]) -> Iterator[None]:
    """Something that goes on beside what is measured, until the block ends."""
    with _started(command, None, subprocess.DEVNULL, OTHERS):
        yield


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe, suppress(OSError):
        probe.connect(("127.0.0.1", port))
        return True
    return False


def free_port() -> int:
    """One of the loopback that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _started(
    command: Sequence[str], environ: Mapping[str, str] | None, talk: int, cores: frozenset[int] = MEASURED
) -> Iterator[tuple[subprocess.Popen[str], IO[bytes]]]:
    with tempfile.TemporaryFile() as complaints:
        with on_cores(cores):
            process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | dict(environ or {}), stdin=talk, text=True, stderr=complaints,
                stdout=talk if talk == subprocess.PIPE else complaints,
            )  # fmt: skip
        try:
            yield process, complaints
        finally:
            if talk != subprocess.PIPE or sys.exc_info()[0]:
                process.terminate()
            with suppress(OSError):
                process.communicate(timeout=PATIENCE)


def _last_words(command: object, complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:]
    name = " ".join(map(str, command[:4])) if isinstance(command, list) else str(command)
    return f"{name} failed: {' / '.join(lines) or 'without a word'}"
