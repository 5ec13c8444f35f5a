"""How the simulator speaks for each kind of provider: its bodies, its signature, its words, and what goes wrong.

data/dialects/ holds a webhook of each, which was read against the documentation. The signatures in it were made with
`openssl dgst -sha256 -hmac whsec_test`, so no code of ours vouches for another.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_simulator import Door, a_door
from tracker.simulator import DIALECTS, Faults, ManualClock, Odds, Simulator, run_simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytestmark = pytest.mark.anyio

SECRET = "whsec_test"
EXAMPLES = Path(__file__).parent / "data" / "dialects"
MINUTE = timedelta(minutes=1)

OTHERS = sorted(DIALECTS.keys() - {"sosyalkopru"})
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


@dataclass
class Heard:
    """What one dialect said about some posts, and what was true."""

    door: Door
    simulator: Simulator

    @property
    def said(self) -> list[Any]:
        """The bodies."""
        return [json.loads(got.body) for got in self.door.got]


async def heard(
    dialect: str, *texts: str, platforms: tuple[str, ...] = ("x", "tiktok"), scheduled: bool = True,
    faults: Faults | None = None, odds: Odds | None = None, answers: tuple[int, ...] = (),
) -> Heard:  # fmt: skip
    """What is sent about a post for each of the texts, in the order of arrival."""
    clock = ManualClock()
    async with a_door(*answers) as door, run_simulator(clock=clock, dialect=dialect, faults=faults, odds=odds) as there:
        there.register(door.url, secret=SECRET)
        for text in texts:
            there.create(platforms, text, at=clock.now() + MINUTE if scheduled else None)
        await clock.settle()
    return Heard(door, there)


@every_dialect
async def test_a_webhook_is_what_was_read_against_the_documentation(dialect: str) -> None:
    """Body, signature, delivery id and time of the last webhook about a post on one platform."""
    told = await heard(dialect, "Çay / #publish", platforms=("x",))
    head, body = (EXAMPLES / f"{dialect}.http").read_bytes().split(b"\n\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
    got = told.door.got[-1]
    assert got.body == body.removesuffix(b"\n")
    assert {name: got.headers.get(name) for name in headers} == headers
    ours = {"content-type", "host", "accept", "accept-encoding", "connection", "user-agent", "content-length"}
    assert set(got.headers) - ours == set(headers) - ours


MIXED: Mapping[str, Callable[[Any], Any]] = {
    "sosyalkopru": lambda said: (said["event"], said["data"]["status"]),
    "zernio": lambda said: (said["event"], said["post"]["status"]),
    "ayrshare": lambda said: (said["action"], said["status"]),
    "bundle_social": lambda said: (said["type"], said["data"]["status"]),
    "post_for_me": lambda said: (said["event_type"], said["data"].get("status", said["data"].get("success"))),
    "outstand": lambda said: (said["event"], [part["status"] for part in said["data"]["socialAccounts"]]),
    "upload_post": lambda said: (said["platform"], said["result"]["success"]),
    "mixpost": lambda said: (said["event"], said["data"]["status"]),
    "postiz": lambda said: (said[0]["integration"]["providerIdentifier"], said[0]["state"]),
}
"""What each says of the event, and of how the post stands."""


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("sosyalkopru", [("post.scheduled", "SCHEDULED"), ("post.publishing", "PUBLISHING"),
                         ("post.updated", "PUBLISHING"), ("post.published", "PARTIAL")]),
        ("zernio", [("post.scheduled", "scheduled"), ("post.platform.failed", "publishing"),
                    ("post.platform.published", "partial"), ("post.partial", "partial")]),
        ("ayrshare", [("scheduled", "error")]),
        ("bundle_social", [("post.published", "ERROR")]),
        ("post_for_me", [("social.post.created", "scheduled"), ("social.post.updated", "processing"),
                         ("social.post.result.created", False), ("social.post.result.created", True),
                         ("social.post.updated", "processed")]),
        ("outstand", [("post.published", ["published", "failed"])]),
        ("upload_post", [("tiktok", False), ("x", True)]),
        ("mixpost", [("post.scheduled", "scheduled"), ("post.published", "published")]),
        ("postiz", [("x", "PUBLISHED")]),
    ],
)  # fmt: skip
async def test_a_mixed_result_is_called_as_each_calls_it(dialect: str, expected: list[Any]) -> None:
    """One platform went public, the other did not."""
    told = await heard(dialect, "#fail=auth_expired@tiktok")
    assert [MIXED[dialect](said) for said in told.said] == expected


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("zernio", ("post.failed", "failed")),
        ("ayrshare", ("scheduled", "error")),
        ("bundle_social", ("post.published", "ERROR")),
        ("post_for_me", ("social.post.updated", "processed")),
        ("outstand", ("post.error", ["failed", "failed"])),
        ("upload_post", ("x", False)),
        ("mixpost", ("post.publishing_failed", "failed")),
    ],
)
async def test_a_failure_is_called_as_each_calls_it(dialect: str, expected: Any) -> None:
    told = await heard(dialect, "#fail=auth_expired")
    assert MIXED[dialect](told.said[-1]) == expected
    assert b"The account must be connected again" in b"".join(got.body for got in told.door.got)


async def test_what_a_provider_never_sends_is_not_sent() -> None:
    """Postiz sends no failure; Ayrshare nothing about a post that was not scheduled, until it is retried."""
    assert (await heard("postiz", "#fail=timeout")).said == []
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock, dialect="ayrshare") as simulator:
        simulator.register(door.url)
        post = simulator.create(["x"], "#fail=timeout*1")
        await clock.settle()
        assert door.got == []
        simulator.retry(post)
        await clock.settle()
    assert [json.loads(got.body)["status"] for got in door.got] == ["success"]


@pytest.mark.parametrize(
    ("dialect", "answers", "tries"),
    [
        ("postiz", (500,), [500]),
        ("ayrshare", (404,), [404]),
        ("ayrshare", (429, 500), [429, 500, 200]),
        ("ayrshare", (500, 500, 500), [500, 500, 500]),
        ("outstand", (404, 500), [404, 500, 200]),
    ],
)
async def test_each_is_as_stubborn_as_it_says(dialect: str, answers: tuple[int, ...], tries: list[int]) -> None:
    """Postiz tries once, Ayrshare three times and never again after a 4xx that will not pass."""
    told = await heard(dialect, "#publish", platforms=("x",), answers=answers)
    (delivery,) = told.simulator.deliveries
    assert [attempt.status for attempt in delivery.tries] == tries
    assert delivery.given_up is (tries[-1] != 200)


@pytest.mark.parametrize("dialect", OTHERS)
async def test_the_same_goes_wrong_in_every_dialect(dialect: str) -> None:
    """Lost, repeated byte for byte under the same id, late and overtaken, fallen silent."""
    texts = ["#publish"] * 6
    whole = await heard(dialect, *texts)
    counted = Counter(got.body for got in whole.door.got)
    assert set(counted.values()) == {1}

    rough = await heard(dialect, *texts, faults=Faults(repeated=1.0, late=1.0))
    copies: dict[bytes, set[str]] = {}
    for got in rough.door.got:
        copies.setdefault(got.body, set()).add(got.headers.get(DIALECTS[dialect].delivery.lower(), ""))
    assert copies.keys() == counted.keys()
    assert {len(ids) for ids in copies.values()} == {1}
    assert len(rough.door.got) >= 2 * len(counted)
    assert list(copies) != [got.body for got in whole.door.got]

    for faults in (Faults(lost=0.4), Faults(silent=1.0)):
        missed = await heard(dialect, *texts, faults=faults)
        assert {got.body for got in missed.door.got} < counted.keys()
        assert missed.simulator.truth() == whole.simulator.truth()


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("sosyalkopru", ("post.failed", "PUBLISHED")),
        ("zernio", ("post.failed", "published")),
        ("outstand", ("post.error", ["published", "published"])),
        ("mixpost", ("post.publishing_failed", "published")),
    ],
)
async def test_the_name_of_an_event_can_be_made_to_disagree_with_its_status(dialect: str, expected: Any) -> None:
    """Where the name says anything; at bundle.social it always does."""
    told = await heard(dialect, "#publish", faults=Faults(misnamed=1.0))
    assert MIXED[dialect](told.said[-1]) == expected
