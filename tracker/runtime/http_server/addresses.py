"""From which address somebody comes, as far as that can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ONES_OWN = 64
"""Bits of an IPv6 address that tell one customer of a network from another."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """Those whose word is taken for who asks through them."""

    trusted: Sequence[IPv4Network | IPv6Network] = ()

    @classmethod
    def named(cls, words: Iterable[str]) -> Proxies:
        """The networks and addresses of the setting; raises ValueError."""
        return cls(tuple(ip_network(word) for word in words))

    def include(self, address: str) -> bool:
        """Whether a proxy of ours has this address."""
        if not self.trusted:
            return False
        try:
            known = _unmapped(address)
        except ValueError:
            return False
        return any(known in network for network in self.trusted)

    def counted_as(self, peer: str) -> str:
        """Under which name a connection is counted; empty for a proxy, behind which there are many."""
        return "" if self.include(peer) else counted(peer)

    def seen_through(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Who asks: whoever is connected, or whom the last of our proxies has seen."""
        if not self.include(peer):
            return counted(peer)
        told = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
        address = peer
        for word in reversed([word.strip() for word in told.split(",") if word.strip()]):
            address = _without_port(word)
            if not self.include(address):
                break
        return counted(address)


def counted(address: str) -> str:
    """Under which name an address is counted: whoever has one of IPv6 has very many beside it."""
    try:
        known = _unmapped(address)
    except ValueError:
        return address[:64]
    if isinstance(known, IPv6Address):
        return str(ip_network((known.packed, ONES_OWN), strict=False))
    return str(known)


def _unmapped(address: str) -> object:
    known = ip_address(address.partition("%")[0])
    return known.ipv4_mapped or known if isinstance(known, IPv6Address) else known


def _without_port(word: str) -> str:
    if word.startswith("["):
        return word[1:].partition("]")[0]
    return word.partition(":")[0] if word.count(":") == 1 else word
