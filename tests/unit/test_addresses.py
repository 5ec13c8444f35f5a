"""Which addresses may be reached from here, in every way that they can be written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import Misconfigured
from tracker.outbound.addresses import Allowed, is_public
from tracker.outbound.configured import build_outbound
from tracker.settings import load_settings

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1",
    "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("text", PRIVATE)
def test_addresses_that_are_nobodys_or_our_own_are_not_public(text: str) -> None:
    """Private, loopback, link-local, metadata, shared, reserved, multicast and tunnelled ranges are closed."""
    assert not is_public(ip_address(text))
    assert not Allowed().permits("evil.example", ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_open(text: str) -> None:
    """Anybody's address may be reached, also when IPv6 carries an IPv4 one."""
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_itself(address: IPv4Address) -> None:
    """Mapped and NAT64 addresses are as public as the IPv4 address that they lead to, and 6to4 never is."""
    mapped = IPv6Address(int(IPv6Address("::ffff:0:0")) | int(address))
    nat64 = IPv6Address(int(IPv6Address("64:ff9b::")) | int(address))
    sixto4 = IPv6Address(int(IPv6Address("2002::")) | int(address) << 80)
    assert is_public(mapped) is is_public(nat64) is is_public(address)
    assert not is_public(sixto4)


def test_networks_and_hosts_are_allowed_by_name() -> None:
    """A network opens its addresses for every name; a host name opens whatever it leads to, for that name alone."""
    allowed = Allowed.parse(["10.1.0.0/16", "192.168.1.7", "fd00::/8", "CMS.internal", "localhost"])
    assert allowed.permits("any.example", ip_address("10.1.2.3"))
    assert allowed.permits("any.example", ip_address("::ffff:10.1.2.3"))
    assert allowed.permits("any.example", ip_address("fd00::1"))
    assert allowed.permits("cms.internal.", ip_address("172.16.0.1"))
    assert not allowed.permits("xcms.internal", ip_address("172.16.0.1"))
    assert not allowed.permits("any.example", ip_address("192.168.1.8"))
    assert not allowed.permits("any.example", ip_address("127.0.0.1"))


@pytest.mark.parametrize(
    "text", ["10.0.0.1/8", "10.0.0.0/33", "10.0.0", "http://x", "*.internal", "", "a b", "fd00::/300"]
)
def test_what_is_no_network_and_no_host_is_refused(text: str) -> None:
    """The operator reads which entry is wrong."""
    with pytest.raises(ValueError, match="is n") as refused:
        Allowed.parse(["10.0.0.0/8", text])
    assert f'"{text}"' in str(refused.value)


def test_a_wrong_entry_in_the_configuration_is_named_with_its_line(tmp_path: Path) -> None:
    """What only the rule about addresses can judge is reported as precisely as the rest."""
    path = tmp_path / "config.toml"
    path.write_text('[outbound]\nallow = [\n  "10.0.0.0/8",\n  "10.0.0.0/99",\n]\n')
    with pytest.raises(Misconfigured, match=r"config\.toml:4: outbound\.allow\.1: .10\.0\.0\.0/99. is not a network"):
        build_outbound(load_settings(path, {}))
