"""Each invariant can fail: what was done behind its back is named."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.acceptance.chaos.configured import a_service
from tests.acceptance.chaos.invariants import as_kept, at_the_end
from tests.acceptance.chaos.loads import Book
from tests.acceptance.chaos.scenes import Scene
from tests.acceptance.sink import Sink
from tests.contract.command_line import execute, said, take
from tracker.simulator import run_simulator

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHED, FAILED = said("post.published", "p1", 1), said("post.failed", "p2", 2)
DOUBLE = """
insert into events (day, epoch, bucket, source, provider, delivery, body_hash, kind, post, part, received_at, conflict,
                    headers, body)
select day, epoch, bucket, source, provider, delivery, body_hash, kind, post, part, received_at, conflict, headers, body
  from events where post = 'p1'
"""
LIE = "update posts set state = 'failed', fold = jsonb_set(fold::jsonb, '{state}', '\"failed\"') where post = 'p1'"
FORGET = "update posts set version = version - 1 where post = 'p1'"
PARK = "insert into parked values ('processor', 1, 1, 'broken', now())"
SEND = """
insert into actions (id, idempotency_key, verb, target, rule, bucket, provider, post, payload, state, due_at,
                     created_at)
values (gen_random_uuid(), gen_random_uuid()::text, 'send', 'cms', '{rule}', 0, 'sosyalkopru', '{post}', '{{}}',
        '{state}', now(), now())
"""


class Still(Scene):
    """Nobody works here: a database, and what it is compared with."""

    url: str

    @property
    def dsn(self) -> str:
        return self.url


class Stage:
    """One post published and one failed, both acknowledged; what else there is a test adds."""

    def __init__(self, folder: Path, url: str) -> None:
        self.book, self.sink, self._folder, self.url = Book(), Sink(), folder, url
        take(url, PUBLISHED, FAILED)
        for body in (PUBLISHED, FAILED):
            self.book.sent[body] = {f"body:{sha256(body).hexdigest()}"}
            self.book.acknowledge(body)

    def broken(self, *, rebuilt: bool = False) -> str:
        """All that the invariants find, a rebuild included where it is asked for: that takes seconds."""

        async def work() -> list[str]:
            async with run_simulator() as simulator:
                service = a_service(self._folder, self.url, self._folder, simulator.url, "http://127.0.0.1:9/")
                scene = Still("remote", self._folder, service, self.sink, simulator, self.book)
                scene.url = self.url
                try:
                    return await (at_the_end if rebuilt else as_kept)(scene, 0.2)
                finally:
                    scene.hang_up()

        return "\n".join(asyncio.run(work()))


@pytest.fixture
def stage(tmp_path: Path, database_url: str) -> Stage:
    return Stage(tmp_path, database_url)


def test_what_holds_is_not_complained_about(stage: Stage) -> None:
    assert not stage.broken(rebuilt=True)


def test_what_was_acknowledged_and_is_gone_or_altered_is_found(stage: Stage) -> None:
    stage.book.acknowledge(PUBLISHED + b" ")
    assert "1 acknowledged and not in the log" in stage.broken()


def test_what_was_never_sent_or_came_under_another_name_is_found(stage: Stage) -> None:
    stage.book.sent[FAILED] = {"another"}
    take(stage.url, said("post.failed", "p3", 3))
    found = stage.broken()
    assert "1 in the log and never sent" in found
    assert "1 under a name that it never had" in found


@pytest.mark.parametrize(
    ("statement", "said_of_it"),
    [
        (DOUBLE, "1 twice in the log"),
        (FORGET, "1 are left to do"),
        (PARK, "1 parked"),
        (SEND.format(rule="tell", post="p1", state="done"), "1 done and never heard"),
        (SEND.format(rule="tell", post="p1", state="dead"), "1 actions that are not done"),
    ],
)
def test_what_was_done_behind_its_back_is_found(stage: Stage, statement: str, said_of_it: str) -> None:
    execute(stage.url, statement)
    assert said_of_it in stage.broken()


def test_a_post_that_its_facts_do_not_come_to_is_found(stage: Stage) -> None:
    execute(stage.url, LIE)
    assert "a rebuild says otherwise" in stage.broken(rebuilt=True)


def test_what_the_rules_did_too_seldom_or_too_often_is_found(stage: Stage) -> None:
    stage.book.told.update(p1="post.published", p2="post.published")
    stage.book.heard.add("p1")
    for rule in ("tell", "tell", "silent"):
        execute(stage.url, SEND.format(rule=rule, post="p1", state="done"))
    found = stage.broken()
    assert "1 posts not as they were told, as [('p2', 'failed', 'published')]" in found
    assert "2 posts about which tell did not act once, as [('p1', 2), ('p2', 0)]" in found
    assert "1 silences that were none, as ['p1']" in found


def test_what_was_told_without_a_record_or_in_two_ways_is_found(stage: Stage) -> None:
    unknown = str(uuid4())
    stage.sink.accepted[unknown] = 2
    stage.sink.bodies[unknown] = {b"one", b"another"}
    found = stage.broken()
    assert "1 told without a record" in found
    assert "1 accepted and not done" in found
    assert "1 told in two ways under one id" in found
