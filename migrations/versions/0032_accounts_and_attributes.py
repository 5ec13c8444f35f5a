"""Accounts, projected from the log like posts, and the attributes by which posts are looked for.

The index holds only posts that have an attribute: the others cost nothing. Accounts of projection 0 stand for what the
log no longer keeps.
"""

from alembic import op

revision = "0032"
down_revision = "0031"

ACCOUNTS = """
create table accounts (
  projection    smallint not null,
  provider      text not null,
  account       text not null,
  platform      text,
  name          text,
  state         text not null,
  since         timestamptz,
  last_event    text,
  last_event_at timestamptz,
  fold          json not null,
  primary key (projection, provider, account)
);
alter table posts add column attributes text[] not null default '{}';
create index posts_by_attribute on posts using gin (attributes) where attributes <> '{}';
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(ACCOUNTS)
