"""The posts of a platform or of an account by an index, however few they are among the others."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("create index posts_by_target on posts using gin (platforms, accounts)")
