"""Accounts: whatever is said of them, in whatever order and however often, comes to the same."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.histories import fact, target
from tracker.domain.accounts import Account, AccountFact, AccountState, Said, gathered, merged
from tracker.domain.posts.arrival import about_no_post
from tracker.domain.posts.change import Change
from tracker.domain.posts.event import Fact, State
from tracker.domain.rules.grouping import GroupBy, environment, group_of, groups_of
from tracker.rulebook import Known, load_text
from tracker.rulebook.test_runner import run_tests

STATES = st.sampled_from([None, *AccountState])
TOLD = st.builds(
    AccountFact, st.sampled_from(["a", "b"]), st.sampled_from([None, "x", "unknown"]),
    st.sampled_from([None, "Ada", "Bo"]), STATES,
)  # fmt: skip


@st.composite
def said(draw: st.DrawFn) -> list[Fact]:
    """Facts about accounts, and about posts that go to them."""
    return [replace(_said(draw), id=f"{number:03}") for number in range(draw(st.integers(0, 30)))]


def _said(draw: st.DrawFn) -> Fact:
    second = draw(st.integers(0, 9))
    if draw(st.booleans()):
        return replace(fact(second, None), post=None, account=draw(TOLD))
    to = target("x", None, draw(st.sampled_from(["a", "b"])))
    return fact(second, State.PUBLISHED, (replace(to, account_name=draw(st.sampled_from([None, "Cy"]))),))


@given(said(), st.data())
def test_any_order_any_repetition_and_any_split_give_the_same_accounts(facts: list[Fact], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(facts), max_size=9)) if facts else []
    arrivals = data.draw(st.permutations([*facts, *again]))
    cut = data.draw(st.integers(0, len(arrivals)))
    one, other = gathered(arrivals[:cut]), gathered(arrivals[cut:])
    for key, account in other.items():
        one[key] = merged(one[key], account) if key in one else account
    assert one == gathered(facts)


def told(second: int, state: AccountState | None, event: str = "account.x", **more: str) -> Fact:
    return replace(fact(second, None, event=event), post=None, account=AccountFact("a", state=state, **more))


def known(*facts: Fact) -> Account:
    (account,) = gathered(facts).values()
    return account


def test_the_newest_word_about_its_state_counts_and_since_is_the_first_that_said_so() -> None:
    lost, again, back = (
        told(5, AccountState.EXPIRED), told(7, AccountState.EXPIRED, "account.token_expired"),
        told(3, AccountState.CONNECTED),
    )  # fmt: skip
    account = known(again, back, lost)
    assert (account.state, account.since) == (AccountState.EXPIRED, lost.occurred_at)
    assert account.last_event == Said(again.occurred_at, again.id, "account.token_expired")


def test_the_newest_name_counts_and_an_absent_one_keeps() -> None:
    account = known(told(1, None, name="Ada", platform="x"), told(2, None, name="Ada's shop"), told(3, None))
    assert (account.name, account.platform, account.state) == ("Ada's shop", "x", AccountState.UNKNOWN)


def test_an_account_that_only_a_post_names_is_known_without_a_state() -> None:
    account = known(fact(1, State.PUBLISHED, (target("instagram", None, "a"),)))
    assert (account.platform, account.state, account.last_event) == ("instagram", AccountState.UNKNOWN, None)


def disconnected() -> Change:
    return about_no_post(told(1, AccountState.DISCONNECTED, "account.disconnected", platform="x", name="Ada"))


def test_rules_see_the_account_that_an_event_is_about() -> None:
    change = disconnected()
    (subject,) = groups_of(GroupBy.ACCOUNT, change)
    values = environment(change, None, subject)
    assert subject.key == "sosyalkopru/x:a"
    assert (values["account.id"], values["account.platform"], values["account.name"]) == ("a", "x", "Ada")


def test_what_a_stranger_signals_as_an_account_does_no_harm() -> None:
    strange: tuple[dict[str, Any], ...] = (
        {"account": "a"}, {"account": {"id": 7}}, {"account": {"id": ""}}, {"account": []},
    )  # fmt: skip
    for detail in strange:
        change = about_no_post(replace(fact(1, None), post=None, detail=detail))
        subject = group_of(GroupBy.ACCOUNT, "sosyalkopru", None, None, None)
        assert environment(change, None, subject)["account.id"] == ""
        assert groups_of(GroupBy.ACCOUNT, change) == [subject]


LOST = """
[rule.lost]
on    = "account.disconnected"
match = { account = "acc_1", platform = "instagram" }
per   = "account"
do    = [{ alert = "ops", title = "{{ account.name }} ({{ account.platform }} {{ account.id }}) is lost" }]

[[test]]
rule     = "lost"
timeline = '''
0s  >  account.disconnected  account=acc_2 platform=instagram
1m  >  account.disconnected  account=acc_1 platform=instagram account.name="Ada"
1m  <  alert ops             title="Ada (instagram acc_1) is lost"
2m  !  alert
'''
"""


def test_a_rule_about_an_account_can_be_tested() -> None:
    book = load_text(LOST, known=Known(channels={"ops"}))
    assert not book.faults
    (outcome,) = run_tests(book.tests, book.rules)
    assert outcome.passed, outcome.wrong
