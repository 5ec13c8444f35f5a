"""Sessions: who is signed in at the dashboard, stored only as a hash."""

from alembic import op

revision = "0007"
down_revision = "0006"

SESSIONS = """
create table sessions (
  hash       bytea primary key,
  key        text not null references api_keys (id),
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index sessions_expired on sessions (expires_at);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(SESSIONS)
