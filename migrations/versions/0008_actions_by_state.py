"""Actions by state: the few that wait for a person are found and counted without reading the many that do not."""

from alembic import op

revision = "0008"
down_revision = "0007"

INDEX = "create index actions_by_state on actions (state, created_at desc, id)"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(INDEX)
