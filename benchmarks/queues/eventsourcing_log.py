"""Events kept by the eventsourcing library: `python -m benchmarks.queues.eventsourcing_log COUNT PER_COMMIT`."""

from __future__ import annotations

import os
import sys
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from benchmarks.turns import done, go, rounds

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_POST = 5
STATE = (
    b'{"event":"post.published","timestamp":"2026-11-10T12:00:00.000Z","data":{"postId":"post_0000000000001",'
    b'"status":"PUBLISHED","platforms":[{"platform":"instagram","status":"PUBLISHED","platformPostUrl":null},'
    b'{"platform":"x","status":"PUBLISHED","platformPostUrl":null}]}}'
)


def events(count: int) -> Iterator[StoredEvent]:
    """Of a fifth as many posts, each with versions of its own."""
    post = UUID(int=0)
    for n in range(count):
        if n % PER_POST == 0:
            post = uuid4()
        yield StoredEvent(originator_id=post, originator_version=n % PER_POST + 1, topic="post.published", state=STATE)


def main() -> None:
    count, per_commit = int(sys.argv[1]), int(sys.argv[2])
    variables = {name.lower(): os.environ[f"PG{name}"] for name in ("HOST", "PORT", "USER", "PASSWORD")}
    with PostgresDatastore(os.environ["PGDATABASE"], **variables) as datastore:
        recorder = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
        recorder.create_table()
        for _ in rounds():
            coming = events(count)
            go()
            while page := list(islice(coming, per_commit)):
                recorder.insert_events(page)
            done(count)


if __name__ == "__main__":
    main()
