"""The kinds of column that the tables are made of, two of which SQLAlchemy does not know."""

from typing import Any

from sqlalchemy import JSON as WRITTEN_JSON
from sqlalchemy import REAL as A_REAL
from sqlalchemy import BigInteger, DateTime, Identity, LargeBinary, SmallInteger, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field

TEXT, TEXTS, BYTES, ID = Text(), ARRAY(Text()), LargeBinary(), Uuid()
JSON, JSON_AS_WRITTEN = JSONB(), WRITTEN_JSON()
BIG, SMALL, SMALLS, MOMENT = BigInteger(), SmallInteger(), ARRAY(SmallInteger()), DateTime(timezone=True)
REAL: Any = A_REAL()


class Xid8(UserDefinedType[int]):
    """The id of a transaction, never used again."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Its name in SQL."""
        return "xid8"


class PgSnapshot(UserDefinedType[tuple[int, int, tuple[int, ...]]]):
    """Which transactions had ended at a moment."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Its name in SQL."""
        return "pg_snapshot"


ischema_names |= {"xid8": Xid8, "pg_snapshot": PgSnapshot}


def column(kind: Any, default: str | None = None, *, key: bool = False) -> Any:
    """A column of a type; `default` is the database's own, in SQL; nullable where the annotation says so."""
    more = {"autoincrement": False, "server_default": text(default) if default else None}
    return Field(sa_type=kind, primary_key=key, sa_column_kwargs=more)


def primary(kind: Any, default: str | None = None) -> Any:
    """A column of the primary key."""
    return column(kind, default, key=True)


def counted() -> Any:
    """A column that Postgres counts up."""
    return Field(sa_type=BigInteger, sa_column_args=[Identity(always=True)])


def number() -> Any:
    """A primary key that Postgres counts up."""
    return Field(sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
