"""The last good rule files, and since when files are refused: a service that cannot read its own begins with these."""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("""
        create table rule_book (
            name        text        primary key,
            revision    text,
            files       bytea,
            kept_at     timestamptz,
            refused_at  timestamptz,
            refused     text
        )
    """)
