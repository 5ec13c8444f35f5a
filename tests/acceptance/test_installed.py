"""The wheel, in a bare environment and outside of the checkout: `init`, `serve`, and everything that it must carry."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests import plain_http
from tests.acceptance.service import free_port
from tests.contract.command_line import clean_environment
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.acceptance]

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv")
OFFLINE = ("connect", "resolve", "dns", "network", "timed out", "no matching distribution", "could not fetch")
"""What installers say where no registry can be reached; CI must reach one."""


def run(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command with nothing of this checkout around it."""
    ours = ("PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in clean_environment().items() if not name.startswith(ours)}
    return subprocess.run(
        words, cwd=cwd, env=kept | environ, capture_output=True, text=True, check=False, timeout=500
    )  # fmt: skip


def fetched(*words: str, cwd: Path) -> None:
    """Have an installer do that; skips where it can reach no registry."""
    ended = run(*words, cwd=cwd, UV_SYSTEM_CERTS="1")
    said = (ended.stdout + ended.stderr)[-2000:]
    offline = any(word in said.lower() for word in OFFLINE) and os.environ.get("TRACKER_TEST_REGISTRY") != "required"
    if ended.returncode and offline:
        pytest.skip(f"no registry of packages can be reached: {said[-300:]}")
    assert ended.returncode == 0, said


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel, its extra `embedded`, and what they need."""
    folder = tmp_path_factory.mktemp("installed")
    python = str(folder / "venv" / "bin" / "python")
    if UV:
        fetched(UV, "build", "-q", "--wheel", "--out-dir", str(folder / "dist"), str(ROOT), cwd=folder)
        fetched(UV, "venv", "-q", "--no-project", "--python", sys.executable, str(folder / "venv"), cwd=folder)
        install = [UV, "pip", "install", "-q", "--python", python]
    else:
        fetched(sys.executable, "-m", "venv", str(folder / "venv"), cwd=folder)
        build = (python, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(folder / "dist"), str(ROOT))
        fetched(*build, cwd=folder)
        install = [python, "-m", "pip", "install", "-q"]
    (wheel,) = (folder / "dist").glob("tracker-*.whl")
    fetched(*install, f"{wheel}[embedded]", cwd=folder)
    return folder / "venv" / "bin"


def started(tracker: str, folder: Path, port: int) -> tuple[subprocess.Popen[bytes], Path]:
    """The service with what `init` has written there, and its log."""
    environ = clean_environment() | {"TRACKER_SERVER__PORT": str(port)}
    with (folder / "serve.log").open("wb") as log:
        return subprocess.Popen([tracker, "serve"], cwd=folder, stdout=log, stderr=log, env=environ), Path(log.name)


async def test_what_is_installed_runs_by_itself(bare: Path, tmp_path: Path) -> None:
    tracker, where = str(bare / "tracker"), "import tracker; print(tracker.__file__)"
    assert run(str(bare / "python"), "-c", where, cwd=tmp_path).stdout.startswith(str(bare.parent))
    assert run(tracker, "--version", cwd=tmp_path).stdout.startswith("tracker ")
    made = run(tracker, "init", cwd=tmp_path)
    assert (made.returncode, "next: name a provider" in made.stdout) == (0, True), made.stderr
    tested = run(tracker, "rules", "test", cwd=tmp_path)
    assert (tested.returncode, tested.stdout) == (0, "1 passed\n"), tested.stderr
    port = free_port()
    service, log = started(tracker, tmp_path, port)
    try:
        async with plain_http.client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

            async def ready() -> bool:
                assert service.poll() is None, log.read_text()
                try:
                    return (await client.get("/readyz")).is_success
                except httpx2.TransportError:
                    return False

            await until(ready, lambda: log.read_text()[-3000:], 300)
            page = await client.get("/sign-in")
            assert page.is_success
            assert "tracker" in page.text
        listed = run(tracker, "posts", "list", "--json", cwd=tmp_path)
        assert (listed.returncode, '"items": []' in listed.stdout) == (0, True), listed.stderr
        keyed = run(tracker, "keys", "create", "--name", "me", cwd=tmp_path)
        there = ("posts", "list", "--url", f"http://127.0.0.1:{port}")
        (tmp_path / "laptop").mkdir()
        asked = run(tracker, *there, cwd=tmp_path / "laptop", TRACKER_KEY=keyed.stdout.strip())
        assert (asked.returncode, asked.stdout.split()[:1]) == (0, ["id"]), asked.stderr
    finally:
        service.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(service.wait, 120) == 0, log.read_text()[-3000:]
