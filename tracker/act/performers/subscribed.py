"""Endpoints made at run time, as `send` takes those of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from tracker.domain.calls.endpoint_secret import secret_of
from tracker.facts.endpoints import PREFIX
from tracker.settings import Endpoint
from tracker.store.reactions import webhook_endpoints

if TYPE_CHECKING:
    from tracker.settings import Settings
    from tracker.store.database import Database


@dataclass(frozen=True, slots=True)
class SubscribedEndpoints:
    """They are looked up for each message, so that one that is deleted gets nothing more."""

    database: Database | None
    settings: Settings

    async def find(self, name: str) -> Endpoint | None:
        """The endpoint of that id, with its secret; None: there is none."""
        link_secret = self.settings.server.link_secret.get_secret_value()
        if self.database is None or not link_secret or not name.startswith(PREFIX):
            return None
        async with self.database.connection() as conn:
            made = await webhook_endpoints.find(conn, name)
        return Endpoint(url=SecretStr(made.url), secrets=(SecretStr(secret_of(name, link_secret)),)) if made else None
