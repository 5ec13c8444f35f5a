"""Every verb with every kind of target: what it does there, or why it cannot."""

from __future__ import annotations

import pytest

from tests.unit.histories import EPOCH
from tracker.domain.payloads import SendPayload
from tracker.rulebook import load_text
from tracker.rulebook.rule_simulation import RuleSimulation
from tracker.rulebook.test_runner import run_tests

TARGETS = {
    "post": ('on = "post.failed"', "post.failed scheduled_at=2h"),
    "target": ('on = "post.failed"\nper = "target"', "post.failed platform=x account=a scheduled_at=2h"),
    "account": ('on = "account.expired"\nper = "account"', "account.expired platform=x account=a"),
    "platform": ('on = "post.failed"\nper = "platform"', "post.failed platform=x"),
    "provider": ('on = "provider.silent"\nper = "provider"', "provider.silent"),
    "every": ('every = "1h"\nover = { events = ["post.failed"] }', "post.failed"),
}
VERBS = {
    "alert": ('{ alert = "ops", title = "x" }', "alert ops"),
    "send": ('{ send = "cms" }', "send cms"),
    "retry": ('{ retry = "publish", backoff = "1m" }', "retry"),
    "wait": ('{ wait = "cms.acked", at_most = "10m" }, { alert = "ops", title = "x" }', "alert ops"),
    "pause of its own": ('{ wait = "10m" }, { alert = "ops", title = "x" }', "alert ops"),
    "reconcile": ('{ reconcile = "post" }', "reconcile"),
    "cancel": ('{ cancel = "post" }', "cancel"),
    "reschedule": ('{ reschedule = "+30m" }', "reschedule scheduled_at=2h30m"),
    "delete": ('{ delete = "post" }', "delete"),
    "create": ('{ create = "post", platforms = ["bluesky"], text = "x" }', "create platforms=bluesky text=x"),
    "pause": ('{ pause = "other", for = "1h" }', "pause other"),
    "resume": ('{ resume = "other" }', "resume other"),
    "set": ('{ set = { stage = "failing" } }', "set"),
    "run": ('{ run = "page" }', "alert boss"),
}
WHEN = {"retry": 1, "wait": 10, "pause of its own": 10}
"""The minute in which it is done, where that is not at once."""
NO_POST = {"account": "not a whole account", "platform": "not a whole platform", "provider": "not a whole provider"}
CHANGES = ("cancel", "reschedule", "delete", "create")
NEVER = {
    **{(verb, target): why for verb in ("retry", "reconcile", *CHANGES, "set") for target, why in NO_POST.items()},
    **{(verb, "every"): 'does not go with "every": its runs are about no post'
       for verb in ("retry", "wait", "pause of its own", "reconcile", *CHANGES, "pause", "resume", "set")},
}  # fmt: skip
REST = """
[rule.other]
on = "post.published"
do = [{ alert = "ops", title = "y" }]
[workflow.page]
do = [{ alert = "boss", title = "z" }]
"""


def text(verb: str, target: str) -> str:
    return f"[rule.r]\n{TARGETS[target][0]}\ndo = [{VERBS[verb][0]}]\n{REST}"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_does_its_work_or_is_refused_by_name(verb: str, target: str) -> None:
    faults = [str(fault) for fault in load_text(text(verb, target)).faults]
    if why := NEVER.get((verb, target)):
        assert [why in fault for fault in faults] == [True]
        return
    minute = WHEN.get(verb, 0) + 60 * (target == "every")
    story = f"1s > {TARGETS[target][1]}\n{minute}m{'' if target == 'every' else '1s'} < {VERBS[verb][1]}"
    book = load_text(f"{text(verb, target)}\n[[test]]\nrule = \"r\"\ntimeline = '''\n{story}\n'''\n")
    assert [str(fault) for fault in book.faults] == []
    assert [one.wrong for one in run_tests(book.tests, book.rules)] == [""]


@pytest.mark.parametrize("data", ["", ', data = { campaign = "spring" }'])
def test_a_message_from_the_clock_carries_what_was_gathered(data: str) -> None:
    book = load_text(text("send", "every").replace('"cms"', '"cms"' + data))
    stage = RuleSimulation(book.index, EPOCH)
    stage.wait_until(EPOCH.replace(hour=EPOCH.hour + 1))
    (said,) = [one.asked.action.payload for one in stage.taken if one.asked.action.verb == "send"]
    assert isinstance(said, SendPayload)
    assert said.data["run"] == {"since": EPOCH.isoformat(), "count": 0, "items": []}
    assert said.data.get("campaign") == ("spring" if data else None)
