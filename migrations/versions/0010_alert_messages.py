"""Alerts: the messages that they became, so that a resolution finds its thread, and groups that travel as one."""

from alembic import op

revision = "0010"
down_revision = "0009"

ALERTS = """
create table alert_messages (
  channel   text not null,
  key       text not null,
  reference jsonb not null,
  sent_at   timestamptz not null,
  primary key (channel, key)
);
create index alert_messages_sent on alert_messages (sent_at);

alter table actions add column group_key text;
create index actions_of_group on actions (group_key, due_at, id)
 where state = 'pending' and attempts = 0 and group_key is not null;
create index actions_of_alert on actions (target, (payload ->> 'key'))
 where verb = 'alert' and state in ('pending', 'claimed');
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(ALERTS)
