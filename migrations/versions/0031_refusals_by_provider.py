"""Of what is not authentic the newest are kept for each provider, and what weighs more outlives what weighs less.

A wrong signature may be that of a secret we do not have yet; a missing one hardly ever is. The index is the order in
which they are kept, so that what exceeds the bound is found without looking at the rest.
"""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table quarantine add column weight smallint not null default 2")
    op.execute("""
        update quarantine set weight = case reason when 'signature_missing' then 0 else 1 end
         where not authentic and reason in ('signature_missing', 'signature_malformed')
    """)
    op.execute("""
        create index quarantine_refused on quarantine (provider, weight desc, id desc) where not authentic
    """)
