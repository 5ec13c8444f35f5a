"""The requests by which another parser of HTTP is tested: both ways judge them alike, and nothing hangs or fails."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.raw import said, statuses
from tests.contract.serving import knocking
from tests.contract.test_plain_webhooks import a_receiver
from tracker.runtime.http_server import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "llhttp_requests.json").read_text("utf-8"))[
    "cases"
]
HASTY = Limits(header=5, body=5, idle=5)
"""What is never whole is waited for so long; what is whole must have been answered by then on a slow machine too."""
NOT_OURS = ("CONNECT", "SOURCE", "RTSP", "ANNOUNCE", "PRI ", "No HTTP version", "basic auth", "Underscore")
"""Methods and protocols that are not taken, an address with a password, and one whose method is CONNECT."""
CODED = "POST with `chunked` as last transfer-encoding"
"""Another coding within the chunks is not read."""


def hosted(sent: str) -> bytes:
    """With the host that HTTP/1.1 asks for, and most of the cases leave out."""
    begin = sent[: len(sent) - len(sent.lstrip("\r\n"))]
    line, end, rest = sent.lstrip("\r\n").partition("\r\n")
    host = "Host: tracker\r\n" if end and "host:" not in sent.lower() else ""
    return f"{begin}{line}{end}{host}{rest}".encode("latin-1")


async def answers(database: Database, *, directly: bool) -> Sequence[bytes]:
    """To each of the cases."""
    async with knocking(database, a_receiver(database), directly=directly, limits=HASTY) as client:
        port = client.base_url.port
        return await asyncio.gather(*(said(port or 0, hosted(case["sent"])) for case in CASES))


async def test_every_request_is_answered_alike_by_both_ways(database: Database) -> None:
    """None with a fault of ours, none never; what is whole is taken, and what is malformed is refused at once."""
    direct = [statuses(heard) for heard in await answers(database, directly=True)]
    usual = [statuses(heard) for heard in await answers(database, directly=False)]
    for case, first, second in zip(CASES, direct, usual, strict=True):
        assert first == second, case["name"]
        assert all(status < 500 for status in first), case["name"]
        taken = first[:1] not in ([], [400], [408])
        strict = case["mode"] == "request"
        if case["refused"] and case["whole"] == 0 and case["sent"].endswith("\r\n\r\n"):
            assert len(first) == 1, case["name"]
            if "chunk" in case["sent"]:
                continue  # it may be answered before its body, which is then not read
            assert not taken or first[0] == 405, case["name"]
        elif strict and case["whole"] and not case["refused"] and not any(word in case["name"] for word in NOT_OURS):
            assert taken or CODED in case["name"], case["name"]
