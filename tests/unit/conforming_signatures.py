"""What is tried with the signature of every kind of provider."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tests.unit.conforming import SECRETS, NotApplicable, adapter_of, refused
from tests.unit.shapes import ARRIVAL
from tracker.providers.signing import sign


def signature_missing(kind: str) -> None:
    adapter = adapter_of(kind)
    refused(partial(adapter.verify, {}, b"{}", ARRIVAL), "signature_missing")


def signature_wrong(kind: str) -> None:
    adapter = adapter_of(kind)
    scheme = adapter.verifier.scheme
    headers, path = sign(scheme, [b"another"], b"{}", ARRIVAL), "another" if scheme.form == "path" else ""
    refused(partial(adapter.verify, headers, b"{}", ARRIVAL, path), "signature_wrong")


def signature_malformed(kind: str) -> None:
    adapter = adapter_of(kind)
    scheme = adapter.verifier.scheme
    if scheme.form in ("shared", "path"):
        raise NotApplicable("it sends the secret itself, which has no form")
    right = sign(scheme, [SECRETS[0].encode()], b"{}", ARRIVAL)
    for wrong in ("", "sha256=", "zz", "sha256=zz", "\xff", "t=1,v1="):
        headers = right | {scheme.headers[0]: wrong}
        refused(partial(adapter.verify, headers, b"{}", ARRIVAL), "signature_malformed", "signature_wrong")


def rotation(kind: str) -> None:
    """Both active secrets count, and so do both headers of who signs twice."""
    adapter = adapter_of(kind)
    scheme = adapter.verifier.scheme
    for secret in SECRETS:
        for header in scheme.headers or ("",):
            signed = sign(replace(scheme, headers=(header,)) if header else scheme, [secret.encode()], b"{}", ARRIVAL)
            others = {other: "00" * 32 for other in scheme.headers if other != header and scheme.form == "plain"}
            adapter.verify(others | signed, b"{}", ARRIVAL, secret if scheme.form == "path" else "")
