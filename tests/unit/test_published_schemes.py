"""Each published way of signing, as one line of configuration, held by what its sender has published of it."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.unit.published_vectors import PUBLISHED, URLS, Vector
from tracker.errors import Misconfigured, Rejected
from tracker.providers import build_providers
from tracker.providers.schemes import SCHEMES
from tracker.settings import load_settings

if TYPE_CHECKING:
    from tracker.providers.adapter import Adapter

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-provider.md"
ROW = re.compile(r'^\|.*\| `(?P<line>scheme = "(?P<word>[a-z0-9-]+)".*?)` \|', re.MULTILINE)
LINES = {row["word"]: row["line"] for row in ROW.finditer(PAGE.read_text("utf-8"))}
AT = 1_795_176_000
NOW = datetime.fromtimestamp(AT, UTC)
BODY = b'{"type": "x"}'
ED25519 = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)
"""The first key of RFC 8032."""
ED25519_PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def door(tmp_path: Path, line: str, *secrets: str) -> Adapter:
    """The door of a provider that is declared by this line, as the file says it."""
    told = ", ".join(f"'''{secret}'''" for secret in secrets)
    (tmp_path / "config.toml").write_text(
        '[providers.acme]\nkind = "generic"\napi_url = "https://x.example"\nfields = { event = "type", post = "id" }\n'
        f"webhook_secrets = [{told}]\nwebhook = {{ {line} }}\n"
    )
    environ = dict.fromkeys(re.findall(r'env = "(\w+)"', line), "a token")
    return build_providers(load_settings(tmp_path / "config.toml", environ))["acme"]


def code(adapter: Adapter, headers: dict[str, str], body: bytes, now: datetime = NOW, target: str = "") -> str:
    """Why the delivery is rejected; nothing where it is taken."""
    try:
        adapter.verify(headers, body, now, "", target)
    except Rejected as error:
        return error.code
    return ""


def hexed(name: str, text: bytes) -> str:
    return hmac.new(b"s3cret", text, name).hexdigest()


def in_base64(text: bytes) -> str:
    return b64encode(hmac.new(b"s3cret", text, "sha256").digest()).decode()


STAMP = str(AT).encode()
AS_DOCUMENTED: dict[str, tuple[str, dict[str, str]]] = {
    "discord": (
        ED25519_PUBLIC,
        {"x-signature-ed25519": ED25519.sign(STAMP + BODY).hex(), "x-signature-timestamp": str(AT)},
    ),
    "standard-webhooks-v1a": (
        "whpk_" + b64encode(bytes.fromhex(ED25519_PUBLIC)).decode(),
        {
            "webhook-id": "m1",
            "webhook-timestamp": str(AT),
            "webhook-signature": f"v1,xx v1a,{b64encode(ED25519.sign(b'm1.' + STAMP + b'.' + BODY)).decode()}",
        },
    ),
    "intercom": ("s3cret", {"x-hub-signature": f"sha1={hexed('sha1', BODY)}"}),
    "meta": ("s3cret", {"x-hub-signature-256": f"sha256={hexed('sha256', BODY)}"}),
    "segment": ("s3cret", {"x-signature": hexed("sha1", BODY)}),
    "shopify": ("s3cret", {"x-shopify-hmac-sha256": in_base64(BODY)}),
    "stripe": ("s3cret", {"stripe-signature": f"t={AT},v1={hexed('sha256', STAMP + b'.' + BODY)},v0=00"}),
    "tiktok": ("s3cret", {"tiktok-signature": f"t={AT},s={hexed('sha256', STAMP + b'.' + BODY)}"}),
    "twitch": (
        "s3cret",
        {
            "twitch-eventsub-message-id": "e76c6bd4",
            "twitch-eventsub-message-timestamp": "2026-11-20T12:00:00.634234626Z",
            "twitch-eventsub-message-signature": "sha256="
            + hexed("sha256", b"e76c6bd42026-11-20T12:00:00.634234626Z" + BODY),
        },
    ),
    "vercel": ("s3cret", {"x-vercel-signature": hexed("sha1", BODY)}),
    "websub": ("s3cret", {"x-hub-signature": f"sha1={hexed('sha1', BODY)}"}),
    "zendesk": (
        "s3cret",
        {
            "x-zendesk-webhook-signature-timestamp": "2026-11-20T12:00:00Z",
            "x-zendesk-webhook-signature": in_base64(b"2026-11-20T12:00:00Z" + BODY),
        },
    ),
    "zoom": (
        "s3cret",
        {"x-zm-request-timestamp": str(AT), "x-zm-signature": f"v0={hexed('sha256', b'v0:' + STAMP + b':' + BODY)}"},
    ),
}
"""What those sign whose documentation shows no example: made by hand, as it says."""


def test_each_scheme_has_a_line_and_something_that_holds_it() -> None:
    assert LINES.keys() == SCHEMES.keys() == PUBLISHED.keys() | AS_DOCUMENTED.keys()


@pytest.mark.parametrize(("word", "vector"), PUBLISHED.items(), ids=PUBLISHED)
def test_what_a_sender_has_published_is_taken(word: str, vector: Vector, tmp_path: Path) -> None:
    """And nothing else: another byte, another secret."""
    line = re.sub(r'url = "[^"]*"', f'url = "{URLS.get(word, "")}"', LINES[word])
    adapter, body = door(tmp_path, line, vector.secret), vector.body.encode()
    assert code(adapter, vector.headers, body, vector.now) == ""
    assert code(adapter, vector.headers, body + b" ", vector.now) == "signature_wrong"
    assert code(adapter, {}, body, vector.now) == "signature_missing"
    if adapter.verifier.scheme.tolerance:
        assert code(adapter, vector.headers, body, NOW) == "signature_stale"


@pytest.mark.parametrize(("word", "secret", "headers"), [(word, *told) for word, told in AS_DOCUMENTED.items()])
def test_what_a_sender_documents_is_taken(word: str, secret: str, headers: dict[str, str], tmp_path: Path) -> None:
    adapter = door(tmp_path, LINES[word], secret)
    assert code(adapter, headers, BODY) == ""
    assert code(adapter, headers, BODY + b" ") == "signature_wrong"


def test_standard_webhooks_are_rotated_by_several_signatures_and_by_several_secrets(tmp_path: Path) -> None:
    """What is longer than anybody's list of signatures is not looked through, and an id must be there."""
    vector = PUBLISHED["standard-webhooks"]
    right, body = vector.headers["webhook-signature"], vector.body.encode()
    adapter = door(tmp_path, LINES["standard-webhooks"], "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", vector.secret)
    for claim in (f"v1,{'A' * 43}= {right}", f"{right} v1a,xyz v2,abc", f"v2,x v1,!! {right}"):
        assert code(adapter, vector.headers | {"webhook-signature": claim}, body, vector.now) == ""
    for claim in (
        "v1,",
        right.removeprefix("v1,"),
        right.replace("v1", "v2"),
        "v1 " + right[3:],
        " ".join(["v1,AA=="] * 20),
    ):
        assert code(adapter, vector.headers | {"webhook-signature": claim}, body, vector.now) != ""
    for name in vector.headers:
        left = {other: value for other, value in vector.headers.items() if other != name}
        assert code(adapter, left, body, vector.now) != ""
        twice = vector.headers | {name: f"{vector.headers[name]}\nx"}
        assert code(adapter, twice, body, vector.now) == "signature_malformed"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize(("key", "secret"), [("text", "s3cret"), ("hex", b"s3cret".hex()), ("base64", "czNjcmV0")])
def test_each_hash_is_read_in_each_encoding(
    algorithm: str, encoding: str, key: str, secret: str, tmp_path: Path
) -> None:
    digest = hmac.new(b"s3cret", b"x:" + BODY, algorithm)
    told = digest.hexdigest() if encoding == "hex" else b64encode(digest.digest()).decode()
    line = (
        f'headers = ["X-S"], algorithm = "{algorithm}", encoding = "{encoding}", key_encoding = "{key}",'
        ' key_prefix = "k_", signed = "x:{body}"'
    )
    for given in (f"k_{secret}", secret, f"k_{secret}".rstrip("=")):
        assert code(door(tmp_path, line, given), {"x-s": told}, BODY) == ""


def test_the_address_the_path_and_the_method_can_be_signed(tmp_path: Path) -> None:
    """The address is that of the configuration, with the question that came; the path is what was asked."""
    line = 'headers = ["X-S"], signed = "{method} {url} {path} {body}", url = "https://a.example/webhooks/acme"'
    adapter, target = door(tmp_path, line, "s3cret"), "/webhooks/acme?a=%20b"
    text = f"POST https://a.example{target} {target} ".encode() + BODY
    assert code(adapter, {"x-s": hexed("sha256", text)}, BODY, target=target) == ""
    assert code(adapter, {"x-s": hexed("sha256", text)}, BODY, target="/webhooks/acme") == "signature_wrong"
    assert code(adapter, {"x-s": hexed("sha256", text), ":path": target}, BODY) == ""


@pytest.mark.parametrize("form", ["hex", "base64", "pem", "raw"])
def test_public_keys_are_read_however_they_are_written(form: str, tmp_path: Path) -> None:
    p256 = ec.generate_private_key(ec.SECP256R1())
    for algorithm, private, signature in (
        ("ed25519", ED25519, ED25519.sign(BODY)),
        ("ecdsa-p256", p256, p256.sign(BODY, ec.ECDSA(SHA256()))),
    ):
        public = private.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        raw = (
            (Encoding.X962, PublicFormat.UncompressedPoint)
            if algorithm != "ed25519"
            else (Encoding.Raw, PublicFormat.Raw)
        )
        secret = {
            "hex": der.hex(),
            "base64": b64encode(der).decode(),
            "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
            "raw": public.public_bytes(*raw).hex(),
        }[form]
        adapter = door(
            tmp_path,
            f'headers = ["X-S"], algorithm = "{algorithm}"',
            "aa" * 32 if algorithm == "ed25519" else secret,
            secret,
        )
        assert code(adapter, {"x-s": signature.hex()}, BODY) == ""
        assert code(adapter, {"x-s": signature.hex()}, BODY + b" ") == "signature_wrong"
        assert code(adapter, {"x-s": "00" * 64}, BODY) == "signature_wrong"
        assert code(adapter, {"x-s": "00"}, BODY) == "signature_wrong"
        assert code(adapter, {}, BODY) == "signature_missing"


def test_the_name_of_an_event_and_the_id_of_a_post_can_come_in_headers(tmp_path: Path) -> None:
    """Where the body tells them, it counts."""
    line = 'headers = ["X-S"], event_header = "X-Event", post_header = "X-Post", about_posts = ["post."]'
    adapter = door(tmp_path, line, "s3cret")
    reading = adapter.read({"x-event": "Post.Live", "x-post": " p1 "}, b"{}")
    assert (reading.kind, reading.posts[0]) == ("post.live", "p1")
    assert reading.headers == {"x-event": "Post.Live", "x-post": " p1 "}
    reading = adapter.read({"x-event": "no", "x-post": "no"}, b'{"type": "post.x", "id": 7}')
    assert (reading.kind, reading.posts[0]) == ("post.x", "7")
    with pytest.raises(Rejected, match="names no post"):
        adapter.read({"x-event": "post.live"}, b"{}")
    with pytest.raises(Rejected, match="names no event"):
        adapter.read({"x-post": "p1"}, b"{}")


@pytest.mark.parametrize(
    ("line", "secret", "told"),
    [
        (
            'scheme = "standard-webhook"',
            "whsec_AAAA",
            r'config\.toml:6: .*scheme: "standard-webhook".*"standard-webhooks"',
        ),
        (
            'scheme = "standard-webhooks"',
            "whsec_!!",
            r'config\.toml:5: .*webhook_secrets\.0: is not in base64 behind "whsec_"',
        ),
        ('scheme = "discord"', "zz" * 32, r"config\.toml:5: .*webhook_secrets\.0: is not a public key of Ed25519"),
        ('scheme = "sendgrid"', ED25519_PUBLIC, r"config\.toml:5: .*is not a public key of ECDSA P-256"),
        ('scheme = "square"', "s", r"config\.toml:6: .*webhook\.url.* is required: \{url\} is part of what is signed"),
        ('headers = ["X"], signed = "{bod}"', "s", r'config\.toml:6: .*signed.*must hold \{body\}.*"body"'),
        ('headers = ["X"], signed = "{id}{body}"', "s", r"id_header.* is required"),
        ('headers = ["X"], algorithm = "sha-256"', "s", r'config\.toml:6: .*algorithm.*not "sha-256".*"sha256"'),
        ('headers = ["X"], algorithmus = "sha256"', "s", r'algorithmus: there is no such setting.*"algorithm"'),
        ('headers = ["X"], url = "x.example"', "s", "web address"),
        ('headers = ["X"], form = "shared", algorithm = "ed25519"', ED25519_PUBLIC, "is about a secret"),
        ('scheme = "meta", handshake = { query = "q" }', "s", r"handshake\.token.* is required"),
        ('scheme = "slack", handshake = { nam = "q" }', "s", r'handshake\.nam: there is no such setting.*"name"'),
        ('headers = ["X"], handshake = { event = "a..b" }', "s", r"handshake\.event.*is not a path"),
        ('headers = ["X"], handshake = { event = "a" }', "s", r"handshake\.name.* is required"),
        ('headers = ["X"], handshake = { token = "t" }', "s", r"handshake\.event.* is required"),
        ('scheme = "discord", handshake = { signature = "s" }', ED25519_PUBLIC, "signed by an HMAC"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(line: str, secret: str, told: str, tmp_path: Path) -> None:
    """With the file, the line, the key and the nearest right word; never with the secret."""
    with pytest.raises(Misconfigured, match=told) as error:
        door(tmp_path, line, secret)
    if len(secret) > 4:
        assert secret not in str(error.value)
