"""Lists by keyset: a cursor says after which item the next page begins, so that new data never shifts it."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, Text, and_, case, cast, func, select, true, tuple_
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from tracker.errors import BadParameter, NotFound
from tracker.store.tables.posts import Post, Projection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import FromClause, Select

    from tracker.store.database import Connection, Row

Item = TypeVar("Item")
AnySelect: TypeAlias = "Select[*tuple[Any, ...]]"
Column: TypeAlias = Any
"""A column of a table or of a subquery: SQLModel and SQLAlchemy have no type in common for the two."""

Next = Annotated[str | None, Meta(description="Give this as `cursor` to get the next page; null: there is none.")]

MAX_LIMIT = 500

DIALECT = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class Page(Struct, Generic[Item], frozen=True):
    """One page of a list."""

    items: list[Item]
    next: Next


@dataclass(frozen=True, slots=True)
class Keyset:
    """The order of a list: the newest `at` first, and equal ones by `key`; the other way round, all is reversed.

    With `together`, the key goes the way of `at`. `name` stands in each cursor, which is of no use in another list.
    `kind` is the type of what a cursor holds, the values of `at` and `key` of the last item: `tuple[datetime, UUID]`.
    """

    name: str
    kind: Any
    at: Column
    key: tuple[Column, ...] = ()
    newest_first: bool = True
    together: bool = False

    def read(self, cursor: str | None) -> tuple[Any, ...] | None:
        """Where the page begins; raises BadParameter for what this list has not given out."""
        return None if cursor is None else read_cursor(cursor, self.name, self.kind)

    def write(self, last: Row) -> str:
        """The cursor for what comes after this row, which has the columns of the order."""
        return write_cursor(self.name, [last[column.key] for column in (self.at, *self.key)])

    def order(self) -> list[ColumnElement[Any]]:
        """The columns of `order by`, `at` first."""
        key = [column.desc() for column in self.key] if self._key_falls else self.key
        return [self.at.desc() if self.newest_first else self.at.asc(), *key]

    def over(self, rows: FromClause) -> Keyset:
        """This order, for the rows of a subquery that has columns of these names."""
        columns = rows.c
        return replace(self, at=columns[self.at.key], key=tuple(columns[column.key] for column in self.key))

    def after(self, place: Sequence[Any] | None) -> Any:
        """What holds of the items behind `place`: `at` alone bounds them, so that an index by it is entered there."""
        if place is None:
            return and_(True)
        # One comparison of rows, (at, key) < ($1, $2), needs all columns to go the same way, and mostly `at` falls and
        # the key rises. With `at < $1 or at = $1 and key > $2` Postgres cannot tell where to enter an index. So the
        # bound of `at` is said by itself, and the rest only sorts out those that have the very `at` of the last item:
        # as a case, half of which Postgres believes to fit. Of an `or` it believes few to, and may look both halves up.
        at, *key = place
        rest = self._behind_key(key)
        if at is None:  # a place among items without that time: these are listed by themselves, by their keys alone
            return rest
        upto, beyond = (self.at <= at, self.at < at) if self.newest_first else (self.at >= at, self.at > at)
        return beyond if rest is None else and_(upto, case((self.at == at, rest), else_=true()))

    def _behind_key(self, key: Sequence[Any]) -> Any:
        """What holds of the items behind `place` that have its very `at`; None: `at` alone tells items apart."""
        if not key:
            return None
        columns, values = (tuple_(*self.key), tuple_(*key)) if len(key) > 1 else (self.key[0], key[0])
        return columns < values if self._key_falls else columns > values

    @property
    def _key_falls(self) -> bool:
        return self.newest_first is self.together


async def list_page(
    conn: Connection,
    statement: AnySelect,
    keyset: Keyset,
    cursor: str | None,
    limit: int,
    item_of: Callable[[Row], Item],
    *,
    each: EachOf | None = None,
) -> Page[Item]:
    """A page of what `statement` selects, which has the columns of the order among its own."""
    rows = await fetch(conn, page_of(statement, keyset, keyset.read(cursor), limit + 1, each))
    following = keyset.write(rows[limit - 1]) if len(rows) > limit else None
    return Page([item_of(row) for row in rows[:limit]], following)


def page_of(
    statement: AnySelect, keyset: Keyset, place: Sequence[Any] | None, limit: int, each: EachOf | None = None
) -> AnySelect:
    """The next rows behind `place`, in order; of each of several values by itself where an index has them so."""
    rows = statement.where(keyset.after(place))
    if each is None or len(each.values) == 1:
        rows = rows.where(each.column == each.values[0]) if each else rows
        return rows.order_by(*keyset.order()).limit(limit)
    wanted = func.unnest(cast(list(each.values), ARRAY(Text))).table_valued("one", name="wanted").render_derived()
    one = rows.where(each.column == wanted.c.one).order_by(*keyset.order()).limit(limit).lateral("of_each")
    return select(*one.c).select_from(wanted.join(one, true())).order_by(*keyset.over(one).order()).limit(limit)


@dataclass(frozen=True, slots=True)
class EachOf:
    """Rows whose `column` is one of these texts: those of each alone stand in an index in the order of the list."""

    column: Column
    values: Sequence[str]


async def fetch(conn: Connection, statement: AnySelect) -> list[Row]:
    """The rows of a statement of SQLAlchemy's expression language."""
    text, values = compiled(statement)
    rows: list[Row] = await conn.fetch(text, *values)
    return rows


async def fetch_one(conn: Connection, statement: AnySelect, what: str) -> Row:
    """The first row of a statement; raises NotFound, which says that there is no such thing as `what`."""
    rows = await fetch(conn, statement)
    if not rows:
        raise NotFound(f"there is no {what}")
    return rows[0]


def compiled(statement: AnySelect) -> tuple[str, list[Any]]:
    """The text of a statement with $1, $2 … and the values in their places; Postgres finds their types."""
    made = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    return made.string, [made.params[name] for name in made.positiontup or ()]


def any_of(column: Column, values: Sequence[Any]) -> Any:
    """`column` is one of the values; one alone is an equality, by which an index also gives the order."""
    return column == values[0] if len(values) == 1 else column == func.any(list(values))


def fitting(table: Any, **wanted: Any) -> list[Any]:
    """What holds of the rows of a table of SQLModel's whose columns are as wanted; of several values, one of them.

    None, and no values at all, are no wish.
    """
    several = {name: [*value] if isinstance(value, list | tuple) else [value] for name, value in wanted.items()}
    return [any_of(col(getattr(table, name)), values) for name, values in several.items() if values not in ([], [None])]


def of_current_projection(table: Any = Post) -> ColumnElement[bool]:
    """The row of a table of SQLModel's belongs to the projection that is shown."""
    shown = select(col(Projection.version)).where(col(Projection.current)).scalar_subquery()
    return col(table.projection) == shown


def write_cursor(name: str, place: Any) -> str:
    """The place in the list of that name as text that its readers need not understand."""
    return urlsafe_b64encode(msgspec.json.encode((name, place))).rstrip(b"=").decode()


def read_cursor(text: str, name: str, kind: Any) -> Any:
    """What `write_cursor` wrote for the list of that name; raises BadParameter."""
    try:
        data = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        written_for, place = msgspec.json.decode(data, type=tuple[str, msgspec.Raw])
        if written_for != name:
            raise BadParameter("cursor", f'this cursor belongs to the list sorted by "{written_for}", not by "{name}"')
        if b"\\u0000" in data:
            raise ValueError("a zero byte")
        return msgspec.json.decode(place, type=kind)
    except (NotBase64, ValueError, msgspec.MsgspecError) as error:
        raise BadParameter("cursor", "this is not a cursor that a list has given out") from error
