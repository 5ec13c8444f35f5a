"""API keys: named, scoped, stored only as a hash."""

from alembic import op

revision = "0006"
down_revision = "0005"

API_KEYS = """
create table api_keys (
  id         text primary key,
  name       text not null,
  scopes     text[] not null,
  hash       bytea not null unique,
  created_at timestamptz not null,
  revoked_at timestamptz
);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(API_KEYS)
