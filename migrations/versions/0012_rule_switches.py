"""Rule switches: what people have switched on or off by hand, over what the rule files say."""

from alembic import op

revision = "0012"
down_revision = "0011"

SWITCHES = """
create table rule_switches (
  rule    text primary key,
  enabled boolean not null,
  by      text not null,
  at      timestamptz not null
);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(SWITCHES)
