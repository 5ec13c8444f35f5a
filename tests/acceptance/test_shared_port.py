"""Several processes on one port: connections are shared out, and when one process is killed the others go on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests import plain_http
from tests.acceptance.service import Service, free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

CONNECTIONS = 50


def a_service(folder: Path, port: int, dsn: str, *, shared: bool) -> Service:
    service = Service(
        folder, port, dsn=dsn, lease="2s", provider="http://127.0.0.1:9", secret="whsec_of_the_test",
        sink="http://127.0.0.1:9/",
    )  # fmt: skip
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("[server]", f"[server]\nshare_port = {str(shared).lower()}"))
    return service


async def answering(port: int, wanted: int) -> set[str]:
    """Which processes answer, each over a connection of its own, until so many were met."""
    met: set[str] = set()
    async with plain_http.client(headers={"Connection": "close"}) as client:
        for _ in range(CONNECTIONS):
            figures = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            met |= set(re.findall(r"(?m)^process_start_time_seconds (\S+)", figures))
            if len(met) == wanted:
                break
    return met


async def test_two_processes_share_a_port_and_either_goes_on_alone(tmp_path: Path, database_url: str) -> None:
    port = free_port()
    first, second = (a_service(tmp_path / name, port, database_url, shared=True) for name in ("first", "second"))
    try:
        first.start()
        await first.ready()
        (alone,) = await answering(port, 1)
        second.start("--role", "receiver")
        assert len(both := await answering_two(port, second)) == 2
        assert alone in both
        first.kill()
        assert await answering(port, 2) == both - {alone}
    finally:
        first.kill()
        second.kill()


async def answering_two(port: int, second: Service) -> set[str]:
    """The second process needs a moment before it listens."""
    while len(met := await answering(port, 2)) < 2:
        assert second.process is not None
        assert second.process.poll() is None, second.log_end()
    return met


async def test_without_it_a_port_that_is_taken_is_refused(tmp_path: Path, database_url: str) -> None:
    port = free_port()
    first, second = (a_service(tmp_path / name, port, database_url, shared=False) for name in ("first", "second"))
    try:
        first.start()
        await first.ready()
        second.start()
        assert second.process is not None
        assert second.process.wait(60) == 2
        assert f"server.port: {port} is taken: something listens on 127.0.0.1:{port} already" in second.log_end()
    finally:
        first.kill()
        second.kill()
