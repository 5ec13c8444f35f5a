"""Posts in the order of each time by which they can be sorted, those that lack it among them."""

from alembic import op

revision = "0019"
down_revision = "0018"

TIMES = ("entered_at", "scheduled_at", "published_at", "failed_at")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for time in TIMES:
        op.execute(f"create index posts_by_{time} on posts (projection, {time} desc, provider, post)")
