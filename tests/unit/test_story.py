"""Resolved means over: of a post that flaps people hear one story, and its end when all is well."""

from __future__ import annotations

import pytest

from tests.unit.test_workflow import told
from tracker.domain.rules.rule import Rule
from tracker.domain.runs.run import Phase, RunState
from tracker.domain.runs.run_signals import Perform, Resolved
from tracker.rulebook import load_text
from tracker.rulebook.test_runner import run_tests

FAILED = """
[rule.failed]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }} failed", resolves = true }]
"""
MENDED = """
[rule.mend]
on        = "post.failed"
do        = [{ retry = "publish", tries = 2, backoff = "5m" }]
exhausted = [{ alert = "ops", title = "no luck" }]
resolved  = [{ send = "cms", event = "post.mended" }]
"""
HANGS = """
[rule.hangs]
while = { state = "publishing" }
for   = "15m"
do    = [{ alert = "ops", title = "{{ post.id }} hangs", resolves = true, repeat = "4h" }]
"""
ABSENT = """
[rule.absent]
expect = "post.published"
within = "10m"
of     = "post.scheduled_at"
do     = [{ alert = "ops", title = "{{ post.id }} is late", resolves = true }]
"""
APPROVAL = """
[rule.approve]
on = "post.awaiting_approval"
do = [{ alert = "ops", title = "please approve", resolves = true }]
"""
STORIES = {
    "a retry that begins resolves nothing": (
        FAILED,
        """
        0s   > post.failed
        0s   < alert ops title="p1 failed"
        5m   > post.retrying attempt=2
        5m   > post.publishing attempt=2
        6m   ! alert ops resolved=true
        """,
    ),
    "a post that flaps is alerted, still failing, resolved": (
        FAILED,
        """
        0s   > post.failed
        0s   < alert ops title="p1 failed"
        5m   > post.publishing attempt=2
        10m  > post.failed attempt=2
        10m  < alert ops title="Still, after 10m: p1 failed"
        10m  ! alert ops resolved=true
        15m  > post.publishing attempt=3
        15m  > @restart
        20m  > post.failed attempt=3
        20m  < alert ops title="Still, after 20m: p1 failed"
        25m  > post.publishing attempt=4
        30m  > post.published attempt=4
        30m  < alert ops title="Resolved: p1 failed"
        1d   ! alert
        """,
    ),
    "a failure that is only said again is no news": (
        FAILED,
        """
        0s   > post.failed
        0s   < alert ops
        5m   > post.failed
        1h   ! alert
        """,
    ),
    "in a queue too, it is one story": (
        FAILED.replace("do ", 'mode = "queued"\ndo '),
        """
        0s   > post.failed
        0s   < alert ops title="p1 failed"
        5m   > post.publishing attempt=2
        6m   > post.failed attempt=2
        6m   < alert ops title="Still"
        9m   > post.published attempt=3
        9m   < alert ops resolved=true
        1d   ! alert
        """,
    ),
    "a part of it is not well": (
        FAILED,
        """
        0s   > post.failed
        0s   < alert ops
        5m   > post.partial
        1h   ! alert
        1h   > post.published
        1h   < alert ops resolved=true
        """,
    ),
    "what ends a post ends its story": (
        FAILED,
        """
        0s   > post.failed
        0s   < alert ops
        5m   > post.publishing attempt=2
        1h   > post.cancelled
        1h   < alert ops resolved=true
        """,
    ),
    "tries that are used up mend nothing": (
        MENDED,
        """
        0s   > post.failed
        5m   < retry
        6m   > post.failed
        11m  < retry
        12m  > post.failed
        12m  < alert ops title="no luck"
        1d   ! send
        1d   > post.publishing attempt=4
        1d   > post.published attempt=4
        1d   < send cms event=post.mended
        """,
    ),
    "a retry that helped mends it": (
        MENDED,
        """
        0s   > post.failed
        5m   < retry
        5m   ! send
        6m   > post.published
        6m   < send cms event=post.mended
        """,
    ),
    "a post that hangs and then fails is not well": (
        HANGS,
        """
        0s   > post.publishing
        15m  < alert ops title="p1 hangs"
        20m  > post.failed
        1h   ! alert
        1h   > post.publishing attempt=2
        75m  < alert ops title="Still, after 1h: p1 hangs"
        80m  > post.published
        80m  < alert ops title="Resolved: p1 hangs"
        1d   ! alert
        """,
    ),
    "what had not lasted is corrected though it resolves": (
        HANGS,
        """
        0s   > post.publishing
        15m  < alert ops title="p1 hangs"
        20m  > post.published at=14m
        20m  < alert ops title="Correction: p1 hangs" resolved=true
        1d   ! alert
        """,
    ),
    "also where it had failed by then": (
        HANGS,
        """
        0s   > post.publishing
        15m  < alert ops title="p1 hangs"
        20m  > post.failed at=14m
        20m  < alert ops title="Correction: p1 hangs"
        1d   ! alert
        """,
    ),
    "a disproved absence is corrected though it resolves": (
        ABSENT,
        """
        0s   > post.scheduled scheduled_at=1h
        70m  < alert ops title="p1 is late"
        80m  > post.published at=65m
        80m  < alert ops title="Correction: p1 is late"
        1d   ! alert
        """,
    ),
    "what came too late is resolved": (
        ABSENT,
        """
        0s   > post.scheduled scheduled_at=1h
        70m  < alert ops
        71m  > post.failed
        75m  ! alert
        80m  > post.published
        80m  < alert ops title="Resolved: p1 is late"
        """,
    ),
    "what waited for somebody is over when it goes on": (
        APPROVAL,
        """
        0s   > post.awaiting_approval
        0s   < alert ops
        5m   > post.scheduled
        5m   < alert ops resolved=true
        """,
    ),
    "but not when it fails": (
        APPROVAL,
        """
        0s   > post.awaiting_approval
        0s   < alert ops
        5m   > post.failed
        1h   ! alert
        1h   > post.published
        1h   < alert ops resolved=true
        """,
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_people_hear_one_story(name: str) -> None:
    rule, timeline = STORIES[name]
    which = rule.split("]")[0].split(".")[1]
    text = f"{rule}\n[[test]]\nrule = \"{which}\"\ntimeline = '''{timeline}'''\n"
    book = load_text(text)
    assert [str(fault) for fault in book.faults] == []
    assert [one.wrong for one in run_tests(book.tests, book.rules) if not one.passed] == []


def loaded(text: str) -> Rule:
    return load_text(text).rules[0]


def test_what_was_left_in_the_middle_of_its_steps_stops_and_still_owes_the_end() -> None:
    rule = loaded(HANGS.replace("}]", '}, { wait = "cms.acked", at_most = "1h" }, { alert = "boss", title = "x" }]'))
    run, _ = told(rule)
    assert run.phase is Phase.WAITING
    later = run.started_at.replace(year=run.started_at.year + 1)
    left, _ = told(rule, Resolved(later, well=False))
    assert (left.state, left.phase, len(left.notices)) == (RunState.ACTIVE, Phase.HOLDING, 1)
    over, intents = told(rule, Resolved(later, well=False), Resolved(later))
    assert over.state is RunState.DONE
    assert [one.action.payload.resolved for one in intents if isinstance(one, Perform)] == [True]  # type: ignore[union-attr]  # an alert's


def test_an_absence_of_which_nobody_is_to_hear_the_end_ends_when_it_is_left() -> None:
    rule = loaded(HANGS.replace(', resolves = true, repeat = "4h"', ""))
    run, intents = told(rule, Resolved(told(rule)[0].started_at.replace(year=2100), well=False))
    assert run.state is RunState.DONE
    assert [type(one).__name__ for one in intents] == ["Withdraw"]
