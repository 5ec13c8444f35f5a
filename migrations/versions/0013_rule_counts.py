"""Rule counts: how often each rule came to each outcome, counted bucket by bucket, so that no two nodes meet."""

from alembic import op

revision = "0013"
down_revision = "0012"

COUNTS = """
create table rule_counts (
  rule    text not null,
  outcome text not null,
  bucket  smallint not null,
  firings bigint not null,
  last_at timestamptz not null,
  primary key (rule, outcome, bucket)
);
insert into rule_counts (rule, outcome, bucket, firings, last_at)
select rule, outcome, 0, count(*), max(fired_at) from firings group by rule, outcome;

drop index firings_of_rule;
create index firings_of_rule on firings (rule, outcome, fired_at desc);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(COUNTS)
