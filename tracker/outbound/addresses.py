"""Which addresses may be reached, those of a name, and a web address taken apart, or why nothing is sent there."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from tracker.domain.actions import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""Left out of an address without a word by some who read it, so that they see another host than others do."""


class OutboundError(Exception):
    """There is no complete answer. `sent`: the request may have been heard. `status`: of an answer that was cut."""

    def __init__(self, reason: Reason, detail: str = "", *, sent: bool = False, status: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason, self.detail, self.sent, self.status = reason, detail, sent, status

    @property
    def accepted(self) -> bool:
        """The answer began with a success, so the request did its work whatever happened to the rest."""
        return self.status in range(200, 300)


class WebAddress(NamedTuple):
    """What a request needs of it; without a port it is that of the scheme."""

    scheme: str
    host: str
    port: int | None
    target: str


def parse_url(url: str) -> WebAddress:
    """The parts of a web address; raises OutboundError for anything that is none, or that carries a password."""
    if _CONTROL.search(url.strip()):
        raise OutboundError(Reason.BLOCKED, "not a web address: it holds a control character")
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except (ValueError, UnicodeError) as error:
        raise OutboundError(Reason.BLOCKED, f"not a web address: {error}") from error
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host) or port == 0:
        raise OutboundError(Reason.BLOCKED, "not a web address: write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise OutboundError(Reason.BLOCKED, "a web address with a user or password in it is refused")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (
        f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~')}" if parts.query else ""
    )
    return WebAddress(parts.scheme, host, port, target)


def origin_of(url: str) -> str:
    """The part of a web address that never holds a secret: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Written out, because what ipaddress calls global differs from one release of Python to another.
_CLOSED_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
# Only 2000::/3 is given out to the public; inside it these are not, and the tunnels 2001::/32 (Teredo) and
# 2002::/16 (6to4) lead to any IPv4 address, private ones too.
_OPEN_6 = IPv6Network("2000::/3")
_CLOSED_6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")

_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.ASCII)

_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*", re.ASCII)
_LOOPBACK = IPv4Address("127.0.0.1")


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could mean this address."""
    address = plain(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    return address in _OPEN_6 and not any(address in network for network in _CLOSED_6)


def plain(address: Address) -> Address:
    """The IPv4 address inside a v4-mapped or NAT64 one, where the packets go in the end."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator lets us reach although it is private."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, allow: Sequence[str]) -> Allowed:
        """Read networks ("10.0.0.0/8"), addresses and host names; raises ValueError, quoting the one that is none."""
        networks: list[Network] = []
        hosts: set[str] = set()
        for text in allow:
            if re.fullmatch(r"[\d.]+(/.*)?|[^/]*:.*|.*/.*", text):
                networks.append(_network(text))
            elif _HOST_NAME.fullmatch(text.lower()):
                hosts.add(text.lower().rstrip("."))
            else:
                raise ValueError(f'"{text}" is neither a network (10.0.0.0/8), nor an address, nor a host name')
        return cls(tuple(networks), frozenset(hosts))

    def permits(self, host: str, address: Address) -> bool:
        """Whether a connection to `address`, which is what `host` resolved to, may be made."""
        inner = plain(address)
        return (
            is_public(address)
            or host.lower().rstrip(".") in self.hosts
            or any(inner in network for network in self.networks if network.version == inner.version)
        )


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f'"{text}" is not a network: {error}') from error


def parse_address(text: str) -> Address:
    """The address in what a look-up returns, whose zone ("%eth0") is no part of it."""
    return ip_address(text.partition("%")[0])


def literal(host: str) -> Address | None:
    """The address that a host is by itself, or None for a name; raises ValueError for digits that are no address.

    As whoever looks it up reads it: 0177.0.0.1, 0x7f000001, 2130706433 and 127.1 are 127.0.0.1. `localhost` is no name
    that anybody else could have.
    """
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return _LOOPBACK
    if ":" in host:
        return parse_address(host.strip("[]"))
    if not _NUMBERS.fullmatch(host):
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError as error:
        raise ValueError(f'"{host}" is no address') from error


_Found = list[tuple[Any, ...]]


async def resolve(host: str, port: int, allowed: Allowed) -> list[str]:
    """The addresses of `host`; refuses all of them when one of them is out of bounds."""
    try:
        found = await _look_up(host, port)
    except (OSError, UnicodeError) as error:
        raise OutboundError(Reason.DNS, f"{host} cannot be looked up: {error}") from error
    addresses = list(dict.fromkeys(parse_address(str(info[4][0])) for info in found))
    if not addresses:
        raise OutboundError(Reason.DNS, f"{host} has no address")
    for address in addresses:
        if not allowed.permits(host, address):
            raise OutboundError(Reason.BLOCKED, f"{host} leads to {address}, which [outbound] allow does not name")
    return [str(address) for address in addresses]


async def dial(host: str, port: int, allowed: Allowed, seconds: float) -> socket.socket:
    """A connection to the first address of `host` that takes one, within `seconds` for all; raises OutboundError."""
    loop, addresses = asyncio.get_running_loop(), await resolve(host, port, allowed)
    refused = OutboundError(Reason.REFUSED, host)
    for address in addresses:
        with ExitStack() as unless_connected:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            connection = unless_connected.enter_context(socket.socket(family, socket.SOCK_STREAM))
            connection.setblocking(False)
            try:
                async with asyncio.timeout(seconds / len(addresses)):
                    await loop.sock_connect(connection, (address, port))
            except TimeoutError:
                refused = OutboundError(Reason.TIMEOUT, f"{host} does not take the connection")
            except OSError as error:
                refused = OutboundError(Reason.REFUSED, f"{host} port {port}: {error}")
            else:
                unless_connected.pop_all()
                return connection
    raise refused


_under_way: dict[tuple[asyncio.AbstractEventLoop, str, int], asyncio.Task[_Found]] = {}


async def _look_up(host: str, port: int) -> _Found:
    """One look-up of a name at a time: it takes a thread, which a name server that is silent keeps for long."""
    loop = asyncio.get_running_loop()
    task = _under_way.get((loop, host, port))
    if task is None:
        task = loop.create_task(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        _under_way[loop, host, port] = task
        task.add_done_callback(lambda ended: _looked_up(loop, host, port, ended))
    return await asyncio.shield(task)


def _looked_up(loop: asyncio.AbstractEventLoop, host: str, port: int, ended: asyncio.Task[_Found]) -> None:
    del _under_way[loop, host, port]
    if not ended.cancelled():
        ended.exception()
