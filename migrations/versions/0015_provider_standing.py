"""Provider standings: what all processes know together about calls of a provider, one row for each."""

from alembic import op

revision = "0015"
down_revision = "0014"

STANDINGS = """
create table provider_standings (
  provider      text not null primary key,
  at            timestamptz not null,
  windows       jsonb not null,
  put_off_until timestamptz,
  failures      integer not null,
  openings      integer not null,
  open_until    timestamptz,
  trial         bigint not null,
  trial_until   timestamptz,
  credits       bigint,
  credits_at    timestamptz,
  skew          double precision,
  answered_at   timestamptz,
  failed_at     timestamptz,
  failure       text
) with (fillfactor = 50);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(STANDINGS)
