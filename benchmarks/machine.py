"""The facts of the machine, and how busy it was with other things while something was measured."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.placing import placed

FSYNCS = 50
BUSY = 10.0
"""Percent of all cores that others may use before it is worth a warning."""


def facts(postgres: str, folder: Path) -> dict[str, str]:
    """What a reader must know to compare these figures with others."""
    return {
        "cpu": f"{platform.machine()}, {cpu_model()}",
        "cores": f"{psutil.cpu_count()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgres": postgres,
        "node": _version_of("node"),
        "disk": f"{file_system(folder)}, {fsync_ms(folder):.2f} ms for an fsync",
        "cores_used": placed(),
    }


def cpu_model() -> str:
    """As the kernel calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def file_system(folder: Path) -> str:
    """Of the folder."""
    mounts = [one for one in psutil.disk_partitions(all=True) if folder.is_relative_to(one.mountpoint)]
    return max(mounts, key=lambda one: len(one.mountpoint)).fstype if mounts else "unknown"


def fsync_ms(folder: Path) -> float:
    """How long the disk takes to keep one page, the middle of several."""
    took = []
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            began = time.perf_counter()
            file.write(bytes(8192))
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    path.unlink()
    return sorted(took)[FSYNCS // 2] * 1000


def _all_cpu() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + getattr(times, "softirq", 0) + getattr(times, "irq", 0))


def _stolen() -> float:
    return float(getattr(psutil.cpu_times(), "steal", 0.0))


def _our_cpu() -> float:
    """Of this process and all below it, ended or not."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for process in psutil.Process().children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
    return total


@dataclass
class Busyness:
    """How much of the machine others used between `began` and `read`."""

    began: float = field(default_factory=time.perf_counter)
    load_before: tuple[float, ...] = field(default_factory=psutil.getloadavg)
    _all: float = field(default_factory=_all_cpu)
    _stolen: float = field(default_factory=_stolen)
    _ours: float = field(default_factory=_our_cpu)

    def read(self) -> dict[str, float]:
        """Percent of all cores."""
        available = (time.perf_counter() - self.began) * (psutil.cpu_count() or 1) / 100
        ours = _our_cpu() - self._ours
        return {
            "ours_percent": ours / available,
            "others_percent": max(0.0, _all_cpu() - self._all - ours) / available,
            "stolen_percent": (_stolen() - self._stolen) / available,
            "load_before": self.load_before[0],
            "load_after": psutil.getloadavg()[0],
        }


def warning(busy: dict[str, float]) -> str | None:
    """What must be said where the machine was not ours alone."""
    if busy["others_percent"] + busy["stolen_percent"] < BUSY:
        return None
    return (
        f"the machine was busy: others used {busy['others_percent']:.0f} % of its cores"
        f" and its host took {busy['stolen_percent']:.0f} %. Rates and latencies suffer first, CPU for each least"
    )


def _version_of(name: str) -> str:
    found = shutil.which(name)
    if not found:
        return "none"
    return subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.strip()
