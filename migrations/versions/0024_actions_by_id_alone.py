"""An action is told from others by its id alone.

The id follows from the idempotency key, so that an index of the keys refused nothing that the one of the ids does not.
An attempt is written by the statement that claims its action, and removed before it, so that no other is there to be
looked up for it.
"""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table actions drop constraint actions_idempotency_key_key")
    op.execute("alter table action_attempts drop constraint action_attempts_action_fkey")
