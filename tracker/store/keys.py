"""API keys, made once and kept only as a hash; and the sessions of the dashboard, which stand for them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING

from tracker.errors import NotFound
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from tracker.store.database import Connection

FORGET_EXPIRED = "delete from sessions where expires_at <= $1"

BEGIN_SESSION = "insert into sessions (hash, key, created_at, expires_at) values ($1, $2, $3, $4)"

FIND_SESSION = """
select k.id, k.name, k.scopes
  from sessions s join api_keys k on k.id = s.key
 where s.hash = $1 and s.expires_at > $2 and k.revoked_at is null
"""

END_SESSION = "delete from sessions where hash = $1"


async def begin_session(conn: Connection, key: Key, now: datetime, lasting: timedelta) -> str:
    """A new session's token, which cannot be had again."""
    token = secrets.token_urlsafe(32)
    await conn.execute(FORGET_EXPIRED, now)
    await conn.execute(BEGIN_SESSION, _hash_of_token(token), key.id, now, now + lasting)
    return token


async def find_session(conn: Connection, token: str, now: datetime) -> Key | None:
    """The key that the session stands for, unless the session is over or the key revoked."""
    row = await conn.fetchrow(FIND_SESSION, _hash_of_token(token), now)
    return Key(row["id"], row["name"], tuple(row["scopes"])) if row else None


async def end_session(conn: Connection, token: str) -> None:
    """Sign out; the token opens nothing any more."""
    await conn.execute(END_SESSION, _hash_of_token(token))


def _hash_of_token(token: str) -> bytes:
    return sha256(token.encode()).digest()


PREFIX = "trk"

SCOPES = ("read", "operate", "admin")
"""From the least to the most; each includes those before it."""


@dataclass(frozen=True, slots=True)
class Key:
    """Who calls: the key's id and name, and the `scopes` that it reaches (read, operate, admin)."""

    id: str
    name: str
    scopes: tuple[str, ...]

    def reaches(self, scope: str) -> bool:
        """Whether the key may do what `scope` stands for; each scope includes those before it."""
        return any(SCOPES.index(held) >= SCOPES.index(scope) for held in self.scopes)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as it is listed: `revoked_at` is None while it opens the API."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None


INSERT = "insert into api_keys (id, name, scopes, hash, created_at) values ($1, $2, $3, $4, $5)"

LIST = "select id, name, scopes, created_at, revoked_at from api_keys order by created_at, id"

REVOKE = "update api_keys set revoked_at = coalesce(revoked_at, $2) where id = $1 returning id"

FIND = "select id, name, scopes, hash from api_keys where id = $1 and revoked_at is null"


async def create(conn: Connection, name: str, scopes: Sequence[str], now: datetime) -> tuple[str, str]:
    """A new key's id and its text, which cannot be had again."""
    key = secrets.token_hex(6)
    text = f"{PREFIX}_{key}_{secrets.token_urlsafe(32)}"
    await conn.execute(INSERT, key, name, list(scopes), _hash(text), now)
    return key, text


async def list_all(conn: Connection) -> list[KnownKey]:
    """All keys, the revoked ones too, without their hashes."""
    return [into(KnownKey, row) for row in await conn.fetch(LIST)]


async def revoke(conn: Connection, key: str, now: datetime) -> None:
    """From now on the key opens nothing; raises NotFound."""
    if await conn.fetchval(REVOKE, key, now) is None:
        raise NotFound(f'there is no key "{key}"')


async def find(conn: Connection, key: str) -> Key | None:
    """The key of that id, unless it is revoked."""
    row = await conn.fetchrow(FIND, key)
    return Key(row["id"], row["name"], tuple(row["scopes"])) if row else None


def has_form(text: str) -> bool:
    """Whether the text could be a key's."""
    prefix, _, rest = text.partition("_")
    key, _, secret = rest.partition("_")
    return prefix == PREFIX and bool(secret) and key.isalnum() and text.isascii()


async def authenticate(conn: Connection, text: str) -> Key | None:
    """The key that has this text, unless it is unknown or revoked."""
    if not has_form(text):
        return None
    row = await conn.fetchrow(FIND, text.split("_")[1])
    if row is None or not compare_digest(row["hash"], _hash(text)):
        return None
    return Key(row["id"], row["name"], tuple(row["scopes"]))


def _hash(text: str) -> bytes:
    # The secret has 256 random bits: a slow hash would protect nothing and cost each request its time.
    return sha256(text.encode()).digest()
