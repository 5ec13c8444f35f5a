"""Pauses: since when each holds, so that one which a clock that was ahead has set can be told."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table pauses add column since timestamptz")
