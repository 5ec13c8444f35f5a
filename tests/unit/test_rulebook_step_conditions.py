"""Conditions of steps read what the texts of their rule read: tables, workflows' arguments, targets and attributes."""

from __future__ import annotations

from tests.unit.test_rulebook_clients import TABLE, failed, faults, revisions, to

FOR_SOME = """
[rule.failed]
on   = "post.failed"
per  = "target"
with = { client = "account" }
do   = [
  { when = "client.vip", alert = "boss", title = "a client of ours" },
  { when = "client.tries > 1", run = "page", with = { whom = "{{ client.channel }}" } },
]
[workflow.page]
do = [{ when = "with.whom != 'ops'", alert = "{{ with.whom }}", title = "look" }, { send = "cms" }]
"""


def test_a_condition_of_a_step_reads_tables_and_arguments() -> None:
    assert to(TABLE + FOR_SOME, failed(1, "acme-tr")) == ["alert boss"]
    assert to(TABLE + FOR_SOME, failed(1, "globex-de")) == ["alert globex", "send cms"]
    assert to(TABLE + FOR_SOME, failed(1, "other")) == ["send cms"]


def test_what_it_reads_of_a_table_is_a_part_of_what_the_rule_means() -> None:
    before = revisions(TABLE + FOR_SOME)
    assert revisions(TABLE.replace("vip = true", "vip = false") + FOR_SOME) != before
    assert revisions(TABLE.replace('cms = "acme-cms"', 'cms = "cms"') + FOR_SOME) == before


def test_a_condition_that_reads_a_row_that_is_not_there_is_refused() -> None:
    (wrong,) = faults(TABLE + FOR_SOME.replace("client.vip", "client.vipp"))
    assert 'did you mean "client.vip"?' in wrong
