"""Which addresses may be reached: public ones, and private ones that the operator allows by name."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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
