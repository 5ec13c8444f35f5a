"""Which fold has made a projection, how far it is filled, and whether timers follow it.

Posts that an older fold has made are made anew when the service starts. Where nothing has come yet there are none.
"""

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("""
        alter table projections
          add column fold_version smallint not null default 0,
          add column filled real not null default 0,
          add column armed boolean not null default true
    """)
    op.execute("update projections set fold_version = 2 where not exists (select from deliveries)")
