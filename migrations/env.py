"""Runs the migrations on the connection that `tracker.store.migrations` hands over, each in its own transaction.

A new migration has the next number as its `revision`, with which its file's name begins, and the newest one's as its
`down_revision`: forward only, one subject, and a lock_timeout first, since what it alters is in use by then.
`op.script` takes any number of statements; `op.execute` takes one.
"""

from typing import Any

from alembic import context
from alembic.operations import MigrateOperation, Operations


@Operations.register_operation("script")
class Script(MigrateOperation):
    """SQL text as it stands: no parameters are looked for in it."""

    def __init__(self, sql: str) -> None:
        self.sql = sql

    @classmethod
    def script(cls, operations: Operations, sql: str) -> Any:
        """Run the statements in the migration's transaction."""
        return operations.invoke(cls(sql))


@Operations.implementation_for(Script)
def run_script(operations: Operations, script: Script) -> None:
    """The driver prepares what SQLAlchemy executes, and only single statements can be prepared: go past it."""
    bind = operations.get_bind()
    bind.exec_driver_sql("select")  # SQLAlchemy begins the transaction with its own first statement
    bind.connection.dbapi_connection.run_async(lambda driver: driver.execute(script.sql))


context.configure(
    connection=context.config.attributes["connection"],
    transaction_per_migration=True,
    on_version_apply=context.config.attributes["applied"],
)
with context.begin_transaction():
    context.run_migrations()
