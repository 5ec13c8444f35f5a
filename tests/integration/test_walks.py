"""Who follows one webhook to its alert opens few files: counted while it runs; `-s -n0` shows the table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import Corridor
from tests.integration.ruled import in_force
from tests.integration.test_channels_slack import TOKEN, workspace
from tests.integration.test_receiver import SECRET, a_delivery, doors, receiving
from tests.integration.walks import Walk, whole
from tracker.act.performers.channels import build_performers
from tracker.act.worker import Worker
from tracker.facts.codec import fact_readers
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

RULE = """
[rule.failed]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }} failed: {{ error.message }}" }]
"""
MOST_FILES = 64
"""What a person may have to open; lower it when fewer are needed."""


async def test_from_one_webhook_to_its_alert(database: Database, tmp_path: Path) -> None:
    """Receive, process, act: the product's own parts, stepped one after the other."""
    walks = [Walk(name) for name in ("receive", "process", "act")]
    received, processed, acted = walks
    rules = in_force(tmp_path, RULE).rules()
    async with workspace() as slack, Outbound(Allowed.parse(["127.0.0.1"])) as outbound, receiving(database) as door:
        corridor = await Corridor(database, rules, readers=fact_readers(doors(SECRET))).open()
        channel = {"kind": "slack", "token": TOKEN, "channel": "#ops", "api_url": slack.api_url}
        settings = Settings.model_validate({"channels": {"ops": channel}})
        worker = Worker(database, build_performers(settings, {}, outbound), "only", corridor.now)
        with received.followed():
            await door.receive(a_delivery("p1", "FAILED"))
        with processed.followed():
            await corridor.processor.drain()
        with acted.followed():
            await worker.claim()
            await worker.settle()
        assert [text for _, text in slack.texts] == ["*p1 failed:*"]
    table = "\n".join(map(str, [*walks, whole(walks)]))
    sys.stdout.write(f"\n{table}\n")
    assert len(whole(walks).files) <= MOST_FILES, table
