"""`tracker serve` with another receiver in the place of ours: `python -m benchmarks.receivers NAME serve ...`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tracker import app
from tracker.cli import main
from tracker.receiver import Receiver
from tracker.store import event_log
from tracker.store.event_log import Receipt

if TYPE_CHECKING:
    from tracker.store.event_log import Incoming


class Forgetful(Receiver):
    """Verifies and reads like ours, and keeps nothing."""

    async def _keep(self, event: Incoming) -> Receipt:
        return Receipt(0)


class OneByOne(Receiver):
    """Keeps the same, each event by a statement and a commit of its own."""

    async def _keep(self, event: Incoming) -> Receipt:
        async with self._database.connection() as conn:
            (receipt,) = await event_log.append(conn, [event])
        return receipt


KINDS: dict[str, type[Receiver]] = {"forgetful": Forgetful, "one_by_one": OneByOne}

if __name__ == "__main__":
    app.Receiver = KINDS[sys.argv.pop(1)]  # type: ignore[attr-defined]
    main()
