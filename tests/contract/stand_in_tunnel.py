"""A tunnel client as a real process: it says its address among other lines, and passes on what comes there.

Its words: the port here, and a file for its process id.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main(port: int, file: Path) -> None:
    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, here), pump(there, writer))

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    file.write_text(str(os.getpid()))  # noqa: ASYNC240  (before anybody is served)
    sys.stderr.write("starting \x1b[1mup\x1b[0m\n")
    sys.stdout.write(f"forwarding http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ to here\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
