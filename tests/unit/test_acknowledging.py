"""An alert that somebody is to acknowledge: its link, who hears of it, and what it ends."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.histories import EPOCH
from tracker.domain.runs.acknowledgement import LASTS, Links
from tracker.rulebook import load_text
from tracker.rulebook.context import Known
from tracker.rulebook.test_runner import run_tests

LINKS = Links("https://tracker.example.org/", "a secret of the test, which is long enough")
ALERT = UUID(int=7)

RULE = """
[rule.failed]
on   = "post.failed"
mode = "parallel"
do   = [
  { alert = ["oncall", "log"], title = "{{ post.id }} failed", ack = "15m", else = "louder", repeat = "1h" },
  { alert = "ops", title = "somebody sees to {{ post.id }}" },
]
[rule.failed.branch]
louder = [{ alert = "boss", title = "nobody has looked at {{ post.id }}", ack = "15m", else = "loudest" }]
loudest = [{ alert = "everybody", title = "still nobody" }]
"""


ONE = RULE.replace(', ack = "15m", else = "loudest"', "").replace("loudest", "# loudest")


def token(links: Links = LINKS) -> str:
    return links.link(ALERT, EPOCH).rpartition("/")[2]


def play(timeline: str, rules: str = RULE) -> str:
    book = load_text(f'{rules}\n[[test]]\nrule = "failed"\ntimeline = """\n{timeline}\n"""\n')
    assert not book.faults
    (outcome,) = run_tests(book.tests, book.rules)
    return f"{outcome.line.text.strip() if outcome.line else ''}: {outcome.wrong}" if outcome.wrong else ""


def faults(known: Known, text: str = ONE) -> list[str]:
    return [str(fault) for fault in load_text(text, known=known).faults]


def test_a_link_is_for_its_alert_until_a_week_after_it() -> None:
    assert LINKS.link(ALERT, EPOCH).startswith("https://tracker.example.org/acknowledge/")
    assert LINKS.link(ALERT, EPOCH) == LINKS.link(ALERT, EPOCH)
    assert LINKS.action_of(token(), EPOCH + LASTS) == ALERT
    assert LINKS.action_of(token(), EPOCH + LASTS + timedelta(seconds=1)) is None


def test_a_link_that_another_secret_or_none_has_signed_is_none() -> None:
    for secret in ("another secret of the test, as long as it", ""):
        other = Links(LINKS.public_url, secret)
        assert LINKS.action_of(token(other), EPOCH) is None
        assert other.action_of(token(other), EPOCH) == (ALERT if secret else None)


@given(st.integers(0, len(token()) - 1), st.characters(codec="ascii", exclude_characters="/"))
def test_a_link_with_one_sign_changed_is_none(place: int, sign: str) -> None:
    changed = token()[:place] + sign + token()[place + 1 :]
    if changed != token():
        assert LINKS.action_of(changed, EPOCH) in (None, ALERT)
        if place < len(token()) - 1:  # of the last sign two bits mean nothing
            assert LINKS.action_of(changed, EPOCH) is None


@given(st.text())
def test_any_text_may_be_asked_for(text: str) -> None:
    assert LINKS.action_of(text, EPOCH) is None


def test_whoever_acknowledges_in_time_lets_the_run_go_on_and_ends_the_repetitions() -> None:
    assert not play("""
0s   > post.failed
0s   < alert oncall
0s   < alert log
14m  > run.acknowledged
14m  < alert ops
2d   ! alert
""")  # fmt: skip


def test_nobody_in_time_leads_to_the_branch_and_the_repetitions_go_on_until_somebody_does() -> None:
    assert not play("""
0s    > post.failed
15m   < alert boss title="nobody has looked at p1"
30m   < alert everybody
90m   < alert oncall title="Still, after 1h30m"
91m   > run.acknowledged
2d    ! alert oncall title="Still, after 2h"
""")  # fmt: skip


def test_the_first_message_counts_for_the_second_too() -> None:
    assert not play("""
0s    > post.failed
15m   < alert boss
20m   > run.acknowledged
2d    ! alert everybody
""")  # fmt: skip


def test_another_run_of_the_same_post_hears_nothing_of_it() -> None:
    assert not play("""
0s    > post.failed
0s    < alert oncall
1m    > run.acknowledged post=p1
1m    < alert ops
2m    > post.failed
2m    < alert oncall
17m   < alert boss
""")  # fmt: skip


def test_a_report_is_acknowledged_too() -> None:
    rules = """
[rule.failed]
every = "1d"
do    = [{ alert = "ops", title = "look through the accounts", ack = "2h", else = "again" }]
[rule.failed.branch]
again = [{ alert = "ops", title = "nobody has" }]
"""
    assert not play('15h < alert ops\n17h < alert ops title="nobody has"', rules)
    assert not play('15h < alert ops\n16h > run.acknowledged\n20h ! alert ops title="nobody has"', rules)


def test_it_needs_an_address_a_secret_and_a_message_of_its_own() -> None:
    assert not faults(Known(public_url="https://tracker.example.org"))
    assert not faults(Known())
    (no_address,) = faults(Known(public_url=""))
    assert "ack: nobody knows under which address" in no_address
    assert 'public_url = "https://tracker.example.org"' in no_address
    (no_secret,) = faults(Known(public_url="https://tracker.example.org", signs_links=False))
    assert 'link_secret = { env = "TRACKER_LINK_SECRET" }' in no_secret
    (together,) = faults(Known(), ONE.replace('repeat = "1h"', 'group = "5m"'))
    assert 'does not go with "ack"' in together
    nothing = faults(Known(), ONE.replace('ack = "15m", ', ""))
    assert 'goes with "ack" or "when"' in nothing[0]
