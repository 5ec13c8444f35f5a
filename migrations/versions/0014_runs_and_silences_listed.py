"""Lists of runs and silences, and the actions of one run: each read from an index."""

from alembic import op

revision = "0014"
down_revision = "0013"

INDEXES = """
create index runs_newest on runs (started_at desc, id);
create index runs_by_state on runs (state, started_at desc, id);
create index runs_of_rule on runs (rule, started_at desc, id);
create index timers_of_run on timers (run) where run is not null;
create index actions_of_run on actions (run, created_at) where run is not null;
create index silences_newest on silences (since desc, id);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.script(INDEXES)
