"""Indexes of posts and changes begin with what tells their rows apart.

Each projection is a partition of its own, so its number is the same in all rows of an index: it took room, and it made
every comparison of a sort go on to the next column.
"""

from alembic import op

revision = "0023"
down_revision = "0022"

KEYS = """
alter table posts drop constraint posts_pkey, add primary key (provider, post, projection);
alter table changes drop constraint changes_pkey, add primary key (id, projection);
drop index posts_newest, posts_by_state, posts_by_id, posts_overdue, changes_of_post;
create index posts_newest on posts (last_event_at desc, provider, post);
create index posts_by_state on posts (state, last_event_at desc, provider, post);
create index posts_by_id on posts (post);
create index posts_overdue on posts (provider, scheduled_at)
 where state in ('unknown', 'draft', 'awaiting_approval', 'scheduled', 'retrying', 'publishing')
   and scheduled_at is not null;
create index changes_of_post on changes (post, provider, id);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(KEYS)
    for time in ("entered_at", "scheduled_at", "published_at", "failed_at"):
        op.execute(f"drop index posts_by_{time}")
        op.execute(f"create index posts_by_{time} on posts ({time} desc, provider, post)")
