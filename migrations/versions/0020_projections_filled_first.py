"""Projections that a rebuild fills first and indexes afterwards, each index in one go."""

from alembic import op

revision = "0020"
down_revision = "0019"

FILLED_FIRST = """
create function begin_projection(wanted smallint) returns void language plpgsql as $$
declare kind text;
begin
  perform pg_advisory_xact_lock(hashtext('tracker.projections'));
  foreach kind in array array['posts', 'changes'] loop
    execute format('create table %I (like %I including defaults, constraint filled_first check (projection = %L))',
                   kind || '_v' || wanted, kind, wanted);
  end loop;
  insert into projections (version) values (wanted);
end $$;

create function finish_projection(kind text, wanted smallint) returns void language plpgsql as $$
declare part text := kind || '_v' || wanted;
begin
  execute format('alter table %I attach partition %I for values in (%L)', kind, part, wanted);
  execute format('alter table %I drop constraint filled_first', part);
  execute format('analyze %I', part);
end $$;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(FILLED_FIRST)
