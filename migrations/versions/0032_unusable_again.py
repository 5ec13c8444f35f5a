"""What is authentic but unusable and comes again is counted, with when it came last; null is the first time."""

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table quarantine add column times integer not null default 1, add column last_at timestamptz")
