"""Addresses of the configuration that nothing can ever be sent to are named at load, and stop nothing."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from tracker.errors import Misconfigured
from tracker.outbound.addresses import OutboundError, literal, parse_url
from tracker.outbound.configured import unreachable
from tracker.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

NEVER = [
    "http://10.0.0.5/hook", "http://127.0.0.1:9/", "http://169.254.169.254/latest", "http://192.168.1.1", "https://[::1]/",
    "https://[fe80::1]/", "https://[fd00::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::a00:1]/",
    "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f.1/", "http://0/",
    "http://017700000001/", "http://localhost:8000/", "http://a.localhost/", "http://LOCALHOST./", "http://127.0.0.1./",
    "http://0.0.0.0/", "http://100.64.0.1/", "http://１２７.0.0.1/", "http://127。0。0。1/",
]  # fmt: skip
NO_ADDRESS = [
    "http://256.1.1.1/", "http://1.2.3.4.5/", "http://08.0.0.1/", "http://127.0.0.1\t.example.com/",
    "http://127.0.0.1\n.example.com/", "http://exa\x00mple.com/", "http://user:secret@example.com/",
    "http://example.com\x7f/", "http://99999999999/",
]  # fmt: skip
FINE = [
    "https://cms.example.com/hooks", "http://cms.example.com/", "http://8.8.8.8/", "https://[2606:4700:0::1111]/",
    "https://10.example.com/", "https://cms.lan/", "https://münchen.example/", "https://x1.example.com:8443/a b",
]  # fmt: skip


def faults(url: str, allow: tuple[str, ...] = ()) -> list[str]:
    """What is said of an endpoint with that address."""
    endpoints = {"cms": {"url": url, "secrets": ["s"]}}
    settings = Settings.model_validate({"endpoints": endpoints, "outbound": {"allow": list(allow)}})
    return [str(fault) for fault in unreachable(settings)]


@pytest.mark.parametrize("url", NEVER)
def test_a_private_address_is_named_however_it_is_written_with_what_to_write(url: str) -> None:
    (fault,) = faults(url)
    assert fault.startswith("endpoints.cms.url: ")
    assert "is not a public address: nothing is sent there; write a public one, or add" in fault
    assert "/latest" not in fault


@pytest.mark.parametrize("url", NEVER)
def test_what_is_said_to_add_is_enough(url: str) -> None:
    (fault,) = faults(url)
    allow = fault.split('add "')[1].partition('"')[0]
    assert not [one for one in faults(url, (allow,)) if "not a public" in one]


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_what_is_no_address_for_anybody_is_named_and_nothing_of_it_is_secret(url: str) -> None:
    (fault,) = faults(url)
    assert "nothing is sent there" in fault
    assert "secret" not in fault
    assert fault.isprintable()


@pytest.mark.parametrize("url", NO_ADDRESS[3:6])
def test_a_control_character_in_an_address_is_refused_when_it_is_sent_to(url: str) -> None:
    """Whoever leaves it out would see another host than we have checked."""
    with pytest.raises(OutboundError, match="control character"):
        parse_url(url)


@pytest.mark.parametrize("url", FINE)
def test_names_are_not_looked_up_and_public_addresses_are_fine(url: str) -> None:
    assert faults(url) == []


@pytest.mark.parametrize(
    ("url", "allow"),
    [("http://10.0.0.5/", "10.0.0.0/8"), ("http://localhost/", "localhost"), ("http://127.0.0.1/", "127.0.0.1")],
)
def test_what_the_operator_allows_is_fine(url: str, allow: str) -> None:
    assert faults(url, (allow,)) == []


def test_a_public_address_that_others_may_read_otherwise_is_named() -> None:
    (fault,) = faults("http://010.8.8.8/")
    assert '"http://010.8.8.8" is read as 8.8.8.8: write that' in fault


@pytest.mark.parametrize("text", ["2130706433", "0177.1", "0x7f.0x0.0x0.0x1", "127.0.0.1."])
def test_a_number_is_read_as_whoever_looks_it_up_reads_it(text: str) -> None:
    assert literal(text) == ip_address("127.0.0.1")


CONFIG = """
[channels.a]
kind = "slack"
token = "t"
channel = "C1"
api_url = "http://10.0.0.1/api"
[channels.b]
kind = "webhook"
url = "http://10.0.0.2/secret-path"
[channels.c]
kind = "email"
host = "10.0.0.3"
from = "a@x.test"
to = ["b@x.test"]
[channels.d]
kind = "apprise"
url = "json://10.0.0.4/secret-path"
[channels.e]
kind = "slack"
url = "http://10.0.0.5/secret-path"
"""


def test_every_kind_of_channel_is_looked_at_and_named_by_file_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    found = {fault.key: fault for fault in unreachable(load_settings(path, {}))}
    assert {key: fault.line for key, fault in found.items()} == {
        "channels.a.api_url": 6, "channels.b.url": 9, "channels.c.host": 12, "channels.d.kind": 16,
        "channels.e.url": 20,
    }  # fmt: skip
    assert not [fault for fault in found.values() if "secret-path" in str(fault)]
    assert 'allow_unchecked = ["apprise"]' in str(found["channels.d.kind"])


def test_an_unknown_kind_among_those_that_may_send_unchecked_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[outbound]\nallow_unchecked = ["aprise"]\n')
    with pytest.raises(Misconfigured, match=r"config\.toml:2: outbound\.allow_unchecked\.0: must be 'apprise'"):
        load_settings(path, {})
