"""`tracker serve` with another receiver in the place of ours: `python -m benchmarks.receivers NAME serve ...`."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from tracker import app
from tracker.cli import main
from tracker.receive.receiver import Receiver
from tracker.store.log import event_log
from tracker.store.log.event_log import Receipt

if TYPE_CHECKING:
    from tracker.receive.append_batcher import OnReceipt
    from tracker.store.log.event_log import Incoming


class Forgetful(Receiver):
    """Verifies and reads like ours, and keeps nothing."""

    def _keep(self, event: Incoming, told: OnReceipt) -> None:
        told(Receipt(0))


class OneByOne(Receiver):
    """Keeps the same, each event by a statement and a commit of its own."""

    def _keep(self, event: Incoming, told: OnReceipt) -> None:
        task = asyncio.create_task(self._keep_alone(event, told))
        self._quarantining.add(task)
        task.add_done_callback(self._quarantining.discard)

    async def _keep_alone(self, event: Incoming, told: OnReceipt) -> None:
        async with self._database.connection() as conn:
            (receipt,) = await event_log.append(conn, [event])
        told(receipt)


KINDS: dict[str, type[Receiver]] = {"forgetful": Forgetful, "one_by_one": OneByOne}

if __name__ == "__main__":
    app.Receiver = KINDS[sys.argv.pop(1)]  # type: ignore[attr-defined]
    main()
