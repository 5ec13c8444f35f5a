"""What commands at a provider begin with: which one it is, its client, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from tracker.cli.context import known_words
from tracker.errors import Rejected, Unavailable

if TYPE_CHECKING:
    from tracker.outbound.client import Reply
    from tracker.providers.client import ProviderClient
    from tracker.settings import Settings
    from tracker.store.database import Database

Value = TypeVar("Value")

Call = Callable[["ProviderClient"], Awaitable["Reply[Value]"]]

LACKING = {
    "api_key": "is not set: nothing can be asked of the provider",
    "workspace": "is not set: this call is about one workspace, team or organization",
}
NO_SUCH = "is empty: {} has no such call, as far as is known"
NO_SUCH_CALL = frozenset({404, 405, 501})

Provider = Annotated[str | None, typer.Option(help="As [providers.<name>]; needed where several are configured.")]


class Unheard(Unavailable):
    """The call had left, and no answer tells what came of it."""


def chosen_provider(settings: Settings, name: str | None) -> str:
    """The provider of that name, or the only one; raises Misconfigured where none is configured."""
    names = sorted(settings.providers)
    if not names:
        raise settings.fault("providers", "none is configured")
    if name is None and len(names) > 1:
        raise typer.BadParameter(f"say which: {', '.join(names)}", param_hint="--provider")
    return known_words("--provider", [name or names[0]], names)[0]


async def ask_provider(settings: Settings, database: Database, provider: str, call: str, do: Call[Value]) -> Value:
    """What the provider answers to that call; raises Misconfigured, Rejected or Unavailable, which say why not."""
    from tracker.domain.calls.call_budget import Purpose  # noqa: PLC0415  (takes a while)
    from tracker.outbound.configured import build_outbound  # noqa: PLC0415  (as above)
    from tracker.providers import build_clients  # noqa: PLC0415  (takes half a second)
    from tracker.providers.rate_limiter import SharedRateLimiter  # noqa: PLC0415  (as above)

    async with build_outbound(settings) as outbound:
        client = build_clients(settings, outbound, SharedRateLimiter(database, settings))[provider]
        reply = await do(client.on_behalf_of(Purpose.OPERATION))
    if reply.value is None:
        raise _refusal(settings, client, call, reply)
    return reply.value


def _refusal(settings: Settings, client: ProviderClient, call: str, reply: Reply[Value]) -> Exception:
    from tracker.domain.actions import Reason  # noqa: PLC0415  (takes a while)

    key = f"providers.{client.name}"
    if reply.reason is Reason.NOT_CONFIGURED:
        lacking = client.lacks(call)
        return settings.fault(f"{key}.{lacking}", LACKING.get(lacking, NO_SUCH.format(client.name)))
    answer = f"{client.name}: {reply.status or reply.reason}: {reply.detail}".removesuffix(": ")
    if reply.status in NO_SUCH_CALL and not client.calls[call].documented:
        answer += (
            f'; its guide does not show "{client.calls[call].text}": '
            f"[{key}] calls.{call} puts it right, or says with an empty text that there is none"
        )
    if reply.status and reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Rejected(str(reply.reason), answer)
    return Unheard(answer) if reply.sent else Unavailable(answer)
