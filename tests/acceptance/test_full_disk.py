"""A full disk: what cannot be kept is refused, what is wrong is said, and once there is room all goes on."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests import plain_http
from tests.acceptance.chaos.disk import a_small_disk
from tests.acceptance.service import Service, free_port
from tests.waiting import until
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_test"
MEBIBYTE = 2**20
PADDING = os.urandom(24_000).hex()
SOON = 60


def webhook(number: int) -> tuple[bytes, dict[str, str]]:
    """A large one, signed."""
    data = {"postId": f"p{number}", "status": "PUBLISHED", "platforms": [], "padding": f"{number}{PADDING}"}
    body = json.dumps({"event": "post.published", "timestamp": "2026-11-10T12:00:00Z", "data": data}).encode()
    signature = hmac.new(SECRET.encode(), body, sha256).hexdigest()
    return body, {"x-sosyalkopru-signature": f"sha256={signature}", "x-sosyalkopru-delivery": f"d{number}"}


class Sender:
    """Sends one after the other, and remembers which were acknowledged."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client, self._number = client, 0
        self.acknowledged: list[str] = []

    async def send(self) -> httpx2.Response:
        self._number += 1
        body, headers = webhook(self._number)
        response = await self._client.post("/webhooks/sosyalkopru", content=body, headers=headers)
        if response.is_success:
            self.acknowledged.append(f"d{self._number}")
        return response


async def test_nothing_acknowledged_is_lost_and_all_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with a_small_disk(tmp_path / "disk", 220) as disk:
        service = Service(
            tmp_path, free_port(), dsn="", lease="2s", provider="http://127.0.0.1:9", secret=SECRET,
            sink="http://127.0.0.1:9/",
        )  # fmt: skip
        config = tmp_path / "config.toml"
        config.write_text(config.read_text().replace('url = ""', f'data_dir = "{disk}"'))
        service.start()
        try:
            await service.ready()
            async with plain_http.client(base_url=service.url, timeout=30) as client:
                sender = Sender(client)
                refused = await _fill(disk, sender)
                assert int(refused.headers["retry-after"]) > 0
                await _until_said(client)
                found = await asyncio.to_thread(_doctor, config)
                assert "problem  disk" in found, found
                (disk / "ballast").unlink()
                await _until_taken(sender)
                await service.ready()
            server = EmbeddedPostgres(disk / "postgres")
            async with Database.open(server.start(), size=1) as database, database.connection() as conn:
                kept = {row["delivery"] for row in await conn.fetch("select delivery from events")}
            server.stop()
            assert set(sender.acknowledged) <= kept
            assert service.stop() == 0
        finally:
            service.kill()


async def _fill(disk: Path, sender: Sender) -> httpx2.Response:
    """Take what room there is, but for a little, and send until the answer is no."""
    assert (await sender.send()).is_success
    usage = os.statvfs(disk)
    free = usage.f_bavail * usage.f_frsize
    with (disk / "ballast").open("wb") as ballast:
        for _ in range(max(free // MEBIBYTE - 20, 0)):
            ballast.write(bytes(MEBIBYTE))
    for _ in range(5000):
        response = await sender.send()
        if not response.is_success:
            assert response.status_code == 503, response.text
            return response
    raise AssertionError("the disk was never full")


async def _until_said(client: httpx2.AsyncClient) -> None:
    """Until /readyz names the disk."""

    async def is_said() -> bool:
        response = await client.get("/readyz")
        return response.status_code == 503 and "make room" in response.text

    await until(is_said, "/readyz names the disk", SOON)


async def _until_taken(sender: Sender) -> None:
    async def is_taken() -> bool:
        response = await sender.send()
        assert response.is_success or response.status_code == 503, response.text
        return response.is_success

    await until(is_taken, "a webhook is taken", SOON)


def _doctor(config: Path) -> str:
    command = [sys.executable, "-m", "tracker", "doctor", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
