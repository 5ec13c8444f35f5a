"""Bytes as they go over the wire: what a server answers to them until it hangs up."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
PATIENCE = 20.0


async def said(port: int, *pieces: bytes, patience: float = PATIENCE) -> bytes:
    """All that is answered until the server hangs up; raises TimeoutError where it does not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = bytearray()

    async def hear() -> None:
        while more := await reader.read(65_536):
            heard.extend(more)

    async with asyncio.timeout(patience):
        hearing = asyncio.create_task(hear())
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            await hearing
        except ConnectionError:
            pass  # it hung up while we were speaking; what it said before counts
        finally:
            hearing.cancel()
            writer.close()
    return bytes(heard)


def statuses(heard: bytes) -> Sequence[int]:
    """Of all answers, in their order."""
    return [int(status) for status in STATUS.findall(heard)]
