"""Sessions of the dashboard: a token known only to the browser stands for a key, until it expires or is revoked."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

from tracker.store.keys import Key

if TYPE_CHECKING:
    from datetime import datetime, timedelta

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
