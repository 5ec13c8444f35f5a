"""Accounts: which there are, and what they are called."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct
from sqlalchemy import cast, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text
from sqlmodel import col

from tracker.domain.accounts import AccountState
from tracker.errors import BadParameter, NotFound
from tracker.parameters import parse_choices, refuse_zero_bytes
from tracker.queries.paging import Keyset, Page, any_of, fetch, fitting, list_page, of_current_projection
from tracker.store.session import into
from tracker.store.tables.posts import Account as Accounts
from tracker.store.tables.posts import Post as Posts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tracker.domain.posts.post import Post
    from tracker.store.database import Connection

STATES = tuple(str(state) for state in AccountState)

BY_NAME = Keyset(
    "provider", tuple[str, str], col(Accounts.provider), (col(Accounts.account),), newest_first=False, together=True
)  # fmt: skip


class KnownAccountOut(Struct, frozen=True):
    """An account on which a provider publishes."""

    provider: str
    account: Annotated[str, Meta(description="Its id at the provider.")]
    platform: Annotated[str | None, Meta(description="null while nobody has said on which it is.")]
    name: Annotated[str | None, Meta(description="What it is called, where somebody has said so.")]
    state: Annotated[AccountState, Meta(description="unknown until an event has told of it.")]
    since: Annotated[datetime | None, Meta(description="When it came into its state.")]
    last_event: Annotated[str | None, Meta(description="The last event about the account itself.")]
    last_event_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccountQuery:
    """Which accounts: all must hold."""

    states: Sequence[str] = ()
    provider: str | None = None
    platform: str | None = None

    @classmethod
    def parse(
        cls, *, state: Sequence[str] | None = None, provider: str | None = None, platform: str | None = None
    ) -> AccountQuery:
        """As people write it. Raises BadParameter."""
        refuse_zero_bytes(provider=provider, platform=platform)
        return cls(parse_choices("state", state, STATES), provider or None, platform.lower() if platform else None)


async def list_accounts(
    conn: Connection, query: AccountQuery, cursor: str | None = None, limit: int = 50
) -> Page[KnownAccountOut]:
    """A page of accounts, by provider and id."""
    where = fitting(Accounts, state=query.states, provider=query.provider, platform=query.platform)
    columns = [getattr(Accounts, name) for name in KnownAccountOut.__struct_fields__]
    shown = select(*columns).where(of_current_projection(Accounts), *where)
    return await list_page(conn, shown, BY_NAME, cursor, limit, partial(into, KnownAccountOut))


async def one_account(conn: Connection, account: str, provider: str | None = None) -> KnownAccountOut:
    """The account of that id, known or only named by posts; raises NotFound, and BadParameter where several have it."""
    refuse_zero_bytes(id=account, provider=provider)
    columns = [getattr(Accounts, name) for name in KnownAccountOut.__struct_fields__]
    where = of_current_projection(Accounts), *fitting(Accounts, account=account, provider=provider or None)
    rows = await fetch(conn, select(*columns).where(*where).order_by(col(Accounts.provider)))
    if not rows and (named := await _named_by_a_post(conn, account, provider)):
        return KnownAccountOut(named, account, None, None, AccountState.UNKNOWN, None, None, None)
    if not rows:
        raise NotFound(f'there is no account "{account}"' + (f' of "{provider}"' if provider else ""))
    if len(rows) > 1:
        names = ", ".join(row["provider"] for row in rows)
        raise BadParameter("provider", f'several providers have an account "{account}": say provider=, one of {names}')
    return into(KnownAccountOut, rows[0])


async def _named_by_a_post(conn: Connection, account: str, provider: str | None) -> str | None:
    """A provider, that one if any, of which a post goes to an account of that id."""
    of_it = col(Posts.accounts).op("@>")(cast([account], ARRAY(Text)))
    where = of_current_projection(), of_it, *fitting(Posts, provider=provider or None)
    rows = await fetch(conn, select(col(Posts.provider)).where(*where).limit(1))
    return next((row["provider"] for row in rows), None)


async def names_of(conn: Connection, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What these accounts, by provider and id, are called; those without a name are left out."""
    if not wanted:
        return {}
    key = col(Accounts.provider), col(Accounts.account), col(Accounts.name)
    providers, ids = ({one[place] for one in wanted} for place in (0, 1))
    of_them = any_of(key[0], sorted(providers)), any_of(key[1], sorted(ids))
    where = (of_current_projection(Accounts), *of_them, key[2].is_not(None))
    rows = await fetch(conn, select(*key).where(*where))
    return {(row["provider"], row["account"]): row["name"] for row in rows}


async def names_in(conn: Connection, posts: Iterable[Post]) -> dict[str, dict[str, str]]:
    """What the accounts of these posts are called: by provider, the names by their ids."""
    wanted = {(post.provider, one.account) for post in posts for one in post.targets.values() if one.account}
    called: dict[str, dict[str, str]] = defaultdict(dict)
    for (provider, account), name in (await names_of(conn, wanted)).items():
        called[provider][account] = name
    return called


async def platforms_of(conn: Connection, provider: str, accounts: Collection[str]) -> dict[str, str]:
    """Of those accounts of a provider whose platform is known, that platform."""
    account, platform = col(Accounts.account), col(Accounts.platform)
    of_provider = (col(Accounts.provider) == provider, any_of(account, sorted(accounts)))
    where = (of_current_projection(Accounts), *of_provider, platform.is_not(None))
    rows = await fetch(conn, select(account, platform).where(*where))
    return {row["account"]: row["platform"] for row in rows}
