"""What waits for one target in the order in which it is due, however much waits for the others."""

from alembic import op

revision = "0021"
down_revision = "0020"

INDEX = """
create index actions_waiting on actions (verb, target, due_at, id) where state = 'pending';
drop index actions_due;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(INDEX)
