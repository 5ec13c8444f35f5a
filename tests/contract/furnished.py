"""The description of the API, and a database that has what its examples are about."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from tests.contract.serving import project
from tests.integration.told import NOON, PROVIDER, told
from tracker.api import Parts, application
from tracker.api.description import describe
from tracker.api.examples import ACTION, AGAIN, PLAN
from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import SendPayload
from tracker.domain.runs.engine_state import ActionRequest
from tracker.store.actions import actions
from tracker.store.database import Database
from tracker.store.log import quarantine
from tracker.store.log.quarantine import Unusable

NOW = NOON + timedelta(hours=1)
DESCRIPTION = describe(application(Parts(Database(""), lambda: NOW, None)))


async def furnish(database: Database) -> None:
    """What the examples of the description are about."""
    await project(
        database,
        told("post_81", "scheduled", 1),
        told("post_81", "failed", 2, targets={"instagram": "failed", "x": "published"}),
    )
    specs = [ActionSpec("send", "cms", SendPayload(event="e", data={}), f"key-{n}", NOON) for n in range(2)]
    async with database.connection() as conn:
        await actions.intend(conn, [ActionRequest(spec, "r", "1", None, PROVIDER, "post_81") for spec in specs], NOON)
        for name, spec in zip((ACTION, AGAIN), specs, strict=True):
            await conn.execute("update actions set id = $1, state = 'dead' where id = $2", name, spec.id)
        await quarantine.keep(
            conn,
            [
                Unusable(PROVIDER, "not_json", True, f"d{n}", sha256(b"%d" % n).digest(), NOON, {}, b"\xff%d" % n)
                for n in range(9)
            ],
        )
        await conn.execute(
            "insert into accounts (projection, provider, account, platform, state, fold)"
            " select version, $1, 'acc_7', 'instagram', 'expired', '{}' from projections where current",
            PROVIDER,
        )
        await conn.execute(
            "insert into plans (id, subject, verb, filters, include_all, pace, note, by, created_at, changed_at,"
            " next_at, total) values ($1, 'actions', 'retry', '{}', false, '1 in 1s', '', 'Ada', $2, $2, $2, 3)",
            PLAN, NOON,
        )  # fmt: skip
