"""Signatures: every family in which providers sign, and anything that a stranger may send instead."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import Rejected
from tracker.providers.signature import BadScheme, Scheme, Verifier
from tracker.providers.signing import sign

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BODY = b'{"event": "post.published", "text": "\xc3\xa7"}'
SECRET = b"s3cret"

PREFIXED = Scheme(("x-signature",), prefix="sha256=")
BARE = Scheme(("x-signature", "x-signature-v2"))
STAMPED = Scheme(
    ("x-signature",), prefix="sha256=", signed="{timestamp}.{body}", timestamp_header="x-timestamp",
    tolerance=timedelta(minutes=5),
)  # fmt: skip
FIELDS = Scheme(("x-signature",), form="fields", signed="{timestamp}.{body}", tolerance=timedelta(minutes=5))
BASE64 = Scheme(("x-signature",), encoding="base64")
LISTED = Scheme(
    ("x-signature",), prefix="v1,", separator=" ", encoding="base64", signed="{id}.{timestamp}.{body}",
    id_header="x-id", timestamp_header="x-timestamp", tolerance=timedelta(minutes=5),
)  # fmt: skip
NAMED = Scheme(
    ("x-signature",), form="fields", separator=";", timestamp_field="ts", signature_field="h1",
    signed="{timestamp}:{body}", algorithm="sha512", tolerance=timedelta(minutes=5),
)  # fmt: skip
ADDRESSED = Scheme(("x-signature",), signed="{method}{url}{path}{body}", url="https://x.example/y", algorithm="sha1")
SHARED = Scheme(("x-secret",), form="shared")
SIGNED = {
    "prefixed": PREFIXED, "bare": BARE, "stamped": STAMPED, "fields": FIELDS, "base64": BASE64, "listed": LISTED,
    "named": NAMED, "addressed": ADDRESSED,
}  # fmt: skip
ALL = SIGNED | {"shared": SHARED}

PUBLIC = (
    Scheme(("x-signature",), algorithm="ed25519", signed="{timestamp}{body}", timestamp_header="x-timestamp"),
    Scheme(("x-signature",), algorithm="ecdsa-p256", encoding="base64"),
)

schemes = pytest.mark.parametrize("scheme", ALL.values(), ids=ALL)
signed = pytest.mark.parametrize("scheme", SIGNED.values(), ids=SIGNED)


def code(scheme: Scheme, headers: dict[str, str], body: bytes = BODY, path: str = "", now: datetime = NOW) -> str:
    """The code with which a delivery is rejected; "" when it is accepted."""
    try:
        Verifier(scheme, (SECRET, b"other")).verify(headers, body, now, path)
    except Rejected as error:
        return error.code
    return ""


def digest(text: bytes) -> str:
    """The HMAC, written out once without the code under test."""
    return hmac.new(SECRET, text, "sha256").hexdigest()


@pytest.mark.parametrize(
    ("scheme", "headers"),
    [
        (PREFIXED, {"x-signature": f"sha256={digest(BODY)}"}),
        (BARE, {"x-signature": digest(BODY)}),
        (BARE, {"x-signature": "00" * 32, "x-signature-v2": digest(BODY)}),
        (STAMPED, {"x-signature": f"sha256={digest(b'1795176000.' + BODY)}", "x-timestamp": "1795176000"}),
        (FIELDS, {"x-signature": f"t=1795176000,v1={'00' * 32},v1={digest(b'1795176000.' + BODY)}"}),
        (BASE64, {"x-signature": b64encode(bytes.fromhex(digest(BODY))).decode()}),
        (SHARED, {"x-secret": "s3cret"}),
    ],
)
def test_each_family_is_verified(scheme: Scheme, headers: dict[str, str]) -> None:
    """Signatures made by hand, as each family's providers make them, are accepted."""
    assert code(scheme, headers) == ""


def test_the_secret_in_the_address_is_verified() -> None:
    """Where a provider signs nothing, the end of the address is the secret."""
    scheme = Scheme((), form="path")
    assert code(scheme, {}, path="s3cret") == ""
    assert code(scheme, {}, path="s3cre") == "signature_wrong"
    assert code(scheme, {}) == "signature_missing"


@schemes
def test_what_is_signed_is_accepted_by_each_active_secret(scheme: Scheme) -> None:
    """During a rotation the old secret and the new one both count."""
    for secret in (SECRET, b"other"):
        assert code(scheme, sign(scheme, [secret], BODY, NOW)) == ""
    assert code(scheme, sign(scheme, [b"third"], BODY, NOW)) == "signature_wrong"


@signed
def test_one_changed_byte_is_noticed(scheme: Scheme) -> None:
    """The signature covers every byte of the body as it came."""
    headers = sign(scheme, [SECRET], BODY, NOW)
    assert code(scheme, headers, BODY + b" ") == "signature_wrong"
    assert code(scheme, headers, BODY.replace(b"p", b"q", 1)) == "signature_wrong"
    assert code(scheme, headers, b"") == "signature_wrong"


@schemes
def test_nothing_is_missing_and_says_so(scheme: Scheme) -> None:
    """A delivery without the header is told apart from one with a wrong signature."""
    assert code(scheme, {}) == "signature_missing"


@signed
@pytest.mark.parametrize(
    "value", ["", "sha256=", "sha256=abc", "sha256=zz", "zz", "ü", "t=1,v1=zz", "v1=00", "sha1=00", "00 00"]
)
def test_a_malformed_signature_is_rejected(scheme: Scheme, value: str) -> None:
    """A short, empty or mis-encoded header is a rejection, never another error."""
    assert code(scheme, {"x-signature": value, "x-timestamp": "1795176000"}).startswith("signature_")


@pytest.mark.parametrize("scheme", [STAMPED, FIELDS, LISTED, NAMED])
@pytest.mark.parametrize("shift", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_a_signed_time_far_from_now_is_stale(scheme: Scheme, shift: timedelta) -> None:
    """A captured delivery cannot be played again much later, nor be dated ahead."""
    headers = sign(scheme, [SECRET], BODY, NOW)
    assert code(scheme, headers, now=NOW + shift) == "signature_stale"
    assert code(replace(scheme, tolerance=None), headers, now=NOW + shift) == ""


def test_a_time_that_is_not_signed_cannot_be_exchanged() -> None:
    """The timestamp is under the signature."""
    headers = sign(STAMPED, [SECRET], BODY, NOW)
    assert code(STAMPED, headers | {"x-timestamp": str(int(NOW.timestamp()) + 1)}) == "signature_wrong"
    assert code(STAMPED, headers | {"x-timestamp": "now"}) == "signature_malformed"


def test_a_time_in_milliseconds_is_a_time() -> None:
    """Thirteen digits are as far from now as ten are."""
    stamped = str(int(NOW.timestamp() * 1000))
    headers = {"x-signature": f"sha256={digest(stamped.encode() + b'.' + BODY)}", "x-timestamp": stamped}
    assert code(STAMPED, headers) == ""
    assert code(STAMPED, headers, now=NOW + timedelta(minutes=6)) == "signature_stale"


def test_either_encoding_is_taken_where_neither_is_known() -> None:
    """A digest in hex is base64 too, of something else."""
    either = Scheme(("x-signature",), encoding="either")
    assert code(either, {"x-signature": digest(BODY)}) == ""
    assert code(either, {"x-signature": b64encode(bytes.fromhex(digest(BODY))).decode()}) == ""
    assert code(either, {"x-signature": digest(BODY)[:-1] + "!"}) == "signature_malformed"
    assert code(either, sign(either, [SECRET], BODY, NOW)) == ""


def test_one_right_header_of_two_is_enough() -> None:
    """Whatever stands in the other one, which is of the old secret, or of a way that has gone."""
    twice = Scheme(("x-signature", "x-signature-v2"), prefix="sha256=")
    right = f"sha256={digest(BODY)}"
    for wrong in ("", "zz", "sha256=zz", "sha1=00", f"sha256={'00' * 32}"):
        assert code(twice, {"x-signature": wrong, "x-signature-v2": right}) == ""
        assert code(twice, {"x-signature": right, "x-signature-v2": wrong}) == ""
        assert code(twice, {"x-signature": wrong, "x-signature-v2": wrong}).startswith("signature_")


def test_where_signing_is_optional_the_address_may_hold_the_secret() -> None:
    """But a signature that is there counts, and nothing at all is not believed."""
    scheme = Scheme(("x-signature",), optional=True)
    assert scheme.takes_path
    assert code(scheme, {}, path="s3cret") == ""
    assert code(scheme, {}, path="s3cre") == "signature_wrong"
    assert code(scheme, {}) == "signature_missing"
    assert code(scheme, {"x-signature": "00" * 32}, path="s3cret") == "signature_wrong"
    assert code(BARE, {}, path="s3cret") == "signature_missing"


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Scheme(()), "headers"),
        (lambda: Scheme((), form="shared"), "headers"),
        (lambda: Scheme(("x",), signed="{timestamp}.{body}"), "timestamp_header"),
        (lambda: Scheme(("x",), tolerance=timedelta(minutes=5)), "tolerance"),
        (lambda: Scheme(("x",), signed="{bod}"), "signed"),
        (lambda: Scheme(("x",), signed="{id}{body}"), "id_header"),
        (lambda: Scheme(("x",), signed="{url}{body}"), "url"),
        (lambda: Scheme(("x",), form="shared", algorithm="ed25519"), "algorithm"),
    ],
)
def test_a_way_of_signing_that_cannot_be_says_what_is_wrong(make: Callable[[], Scheme], field: str) -> None:
    with pytest.raises(BadScheme) as told:
        make()
    assert told.value.field == field


def test_without_a_secret_nobody_is_believed() -> None:
    """A provider without secrets refuses everything, an empty key's signature included."""
    with pytest.raises(Rejected, match="signature_wrong"):
        Verifier(PREFIXED, ()).verify(sign(PREFIXED, [b""], BODY, NOW), BODY, NOW)


def test_a_header_that_is_the_secret_is_not_kept() -> None:
    """Only what proves a signature may be stored."""
    assert SHARED.keepable == frozenset()
    assert SHARED.secret_headers == {"x-secret"}
    assert STAMPED.keepable == {"x-signature", "x-timestamp"}
    assert STAMPED.secret_headers == frozenset()


def test_a_verifier_does_not_show_its_secrets() -> None:
    """A verifier in a log line or a traceback gives nothing away."""
    assert "s3cret" not in repr(Verifier(PREFIXED, (SECRET,)))


@pytest.mark.parametrize("text", ["", "{timestamp}", "{body}{ids}", "{}"])
def test_a_scheme_that_signs_no_body_is_refused(text: str) -> None:
    """A template must hold the body and only what is known."""
    with pytest.raises(ValueError, match="must hold"):
        Scheme(("x",), signed=text)


@given(
    st.sampled_from([*ALL.values(), Scheme((), form="path"), *PUBLIC]),
    st.dictionaries(st.sampled_from(["x-signature", "x-signature-v2", "x-timestamp", "x-secret"]), st.text()
        | st.from_regex(r"(t=\d{0,20},?)?(v1=|sha256=|v1,|ts=1;h1=)?[0-9a-fA-F=+/, ;]{0,80}")),
    st.binary(),
    st.text(),
)  # fmt: skip
def test_hostile_input_is_rejected_and_raises_nothing_else(
    scheme: Scheme, headers: dict[str, str], body: bytes, path: str
) -> None:
    """Whatever the headers, the body and the address hold, the answer is a rejection."""
    with pytest.raises(Rejected):
        Verifier(
            scheme, (b"\x00" * 64, b"z" * 31, b"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        ).verify(headers, body, NOW, path, path)


@given(st.sampled_from(list(SIGNED.values())), st.binary(), st.binary(min_size=1), st.data())
def test_no_other_signature_is_accepted(scheme: Scheme, body: bytes, secret: bytes, data: st.DataObject) -> None:
    """A right signature of which one character differs is not right."""
    headers = sign(scheme, [secret], body, NOW)
    value = headers["x-signature"]
    field = f"{scheme.signature_field}="
    start = value.index(field) + len(field) if scheme.form == "fields" else len(scheme.prefix)
    end = len(value) - (3 if scheme.encoding == "base64" else 1)  # the last bits of base64 say nothing
    place = data.draw(st.integers(start, end))
    other = data.draw(st.sampled_from("0123456789abcdefXYZ+/=,").filter(lambda c: c.lower() != value[place].lower()))
    verifier = Verifier(scheme, (secret,))
    verifier.verify(headers, body, NOW)
    with pytest.raises(Rejected):
        verifier.verify(headers | {"x-signature": value[:place] + other + value[place + 1 :]}, body, NOW)


class Kept:
    """Secrets that somebody changes while we run: `coming` are there after the next look."""

    def __init__(self, *secrets: bytes) -> None:
        self.secrets, self.coming, self.looks = secrets, secrets, 0

    def changed(self) -> bool:
        self.looks += 1
        before, self.secrets = self.secrets, self.coming
        return before != self.secrets

    def keep_up(self, now: datetime) -> None:
        """Not in these tests."""


@schemes
def test_a_new_secret_is_looked_for_only_when_none_fits(scheme: Scheme) -> None:
    """Old and new are active beside one another; what is right costs no look, and what is wrong costs one."""
    kept = Kept(b"of the file")
    verifier = Verifier(scheme, (SECRET,), kept)
    for secret in (SECRET, b"of the file"):
        verifier.verify(sign(scheme, [secret], BODY, NOW), BODY, NOW)
    assert kept.looks == 0
    with pytest.raises(Rejected, match="signature_wrong"):
        verifier.verify(sign(scheme, [b"new"], BODY, NOW), BODY, NOW)
    kept.coming = (b"new", b"of the file")
    for secret in (b"new", SECRET, b"of the file"):
        verifier.verify(sign(scheme, [secret], BODY, NOW), BODY, NOW)
    assert kept.looks == 2
    assert "new" not in repr(verifier)


def test_what_is_not_signed_at_all_costs_no_look() -> None:
    kept = Kept(b"of the file")
    for headers in ({}, {"x-signature": "nonsense"}):
        with pytest.raises(Rejected):
            Verifier(PREFIXED, (SECRET,), kept).verify(headers, BODY, NOW)
    assert kept.looks == 0
