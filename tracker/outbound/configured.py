"""The client that the configuration asks for, and what it names that nothing can ever be sent to.

Hosts by name are not looked up: what they lead to is judged at each connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tracker.domain.calls.endpoint_call import CallTemplate
from tracker.outbound.addresses import Allowed, OutboundError, literal, origin_of, parse_url, plain
from tracker.outbound.client import Outbound
from tracker.settings import AppriseChannel, EmailChannel, SlackChannel, WebhookChannel

if TYPE_CHECKING:
    from tracker.errors import Misconfigured
    from tracker.settings import Channel, Settings


def build_outbound(settings: Settings) -> Outbound:
    """The one client, not yet entered; raises Misconfigured for an entry of [outbound] allow that is none."""
    options = settings.outbound
    for place, text in enumerate(options.allow):
        try:
            Allowed.parse([text])
        except ValueError as error:
            raise settings.fault(f"outbound.allow.{place}", str(error)) from error
    return Outbound(Allowed.parse(options.allow), timeout=options.timeout, max_answer=options.max_answer)


UNCHECKED = (
    "chooses addresses that [outbound] allow does not hold for, so nothing is sent by it;"
    ' to send all the same, write [outbound] allow_unchecked = ["apprise"]'
)


def unreachable(settings: Settings) -> tuple[Misconfigured, ...]:
    """A fault for each endpoint and channel that nothing will be sent to; none of them stops anything."""
    allowed = _allowed(settings)
    addresses = [(f"endpoints.{name}.url", one.url.get_secret_value()) for name, one in settings.endpoints.items()]
    calls = {name: one.call.get_secret_value() for name, one in settings.endpoints.items()}
    addresses += [(f"endpoints.{name}.call", CallTemplate.parse(call).origin) for name, call in calls.items() if call]
    addresses += [pair for name, one in settings.channels.items() for pair in _addresses(f"channels.{name}", one)]
    faults = [settings.fault(key, why) for key, url in addresses if url and (why := never_sent_to(url, allowed))]
    for name, one in settings.channels.items():
        if isinstance(one, EmailChannel) and (why := _never_connected_to(one.host, one.host, allowed)):
            faults.append(settings.fault(f"channels.{name}.host", why))
        if isinstance(one, AppriseChannel) and not may_send_unchecked(settings, one):
            faults.append(settings.fault(f"channels.{name}.kind", f'"apprise" {UNCHECKED}'))
    return tuple(faults)


def may_send_unchecked(settings: Settings, channel: AppriseChannel) -> bool:
    """Whether the operator lets channels of that kind send wherever they like."""
    return channel.kind in settings.outbound.allow_unchecked


def never_sent_to(url: str, allowed: Allowed) -> str:
    """Why nothing can be sent to that web address, whatever a name in it leads to; empty where something may be.

    Of the address it shows what is never secret.
    """
    try:
        host = parse_url(url).host
    except OutboundError as error:
        return f"nothing is sent there: {error.detail}"
    return _never_connected_to(origin_of(url), host, allowed)


def _never_connected_to(said: str, host: str, allowed: Allowed) -> str:
    try:
        address = literal(host)
    except ValueError as error:
        return f"nothing is sent there: {error}; write a host name, or four numbers from 0 to 255"
    if address is None:
        return ""
    address = plain(address)
    if not allowed.permits(host, address):
        meant = "" if str(address) in said else f"is read as {address}, which "
        return (
            f'"{said}" {meant}is not a public address: nothing is sent there;'
            f' write a public one, or add "{address}" to [outbound] allow'
        )
    return (
        ""
        if not host[:1].isdigit() or ":" in host or str(address) in said
        else f'"{said}" is read as {address}: write that'
    )


def _addresses(key: str, channel: Channel) -> Iterator[tuple[str, str]]:
    match channel:
        case SlackChannel() if channel.token.get_secret_value():
            yield f"{key}.api_url", channel.api_url
        case SlackChannel() | WebhookChannel():
            yield f"{key}.url", channel.url.get_secret_value()
        case _:
            return


def _allowed(settings: Settings) -> Allowed:
    """What is allowed, but for entries that are none: those are told of where the client is built."""
    good = []
    for text in settings.outbound.allow:
        try:
            Allowed.parse([text])
        except ValueError:
            continue
        good.append(text)
    return Allowed.parse(good)
