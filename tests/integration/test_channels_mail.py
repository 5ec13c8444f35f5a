"""Mail to a real SMTP server: encryption, sign-in, threads, refusals, and the rule about addresses."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.integration.hostile import CERTIFICATE, Handler, serving
from tracker.act.performers.channels import build_performers
from tracker.domain.actions import Claimed, Discard, Done, Outcome, Reason, Retry
from tracker.domain.payloads import payload_of
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from email.message import EmailMessage

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST, SECOND = UUID(int=7), UUID(int=8)
ALERT = {"title": "p1 failed", "body": "zaman aşımı", "severity": "warning", "rule": "r", "key": "r/p1", "post": "p1"}
RESOLVED = ALERT | {"title": "Resolved: p1 failed", "body": "", "resolved": True}
PASSWORD = "pw of the test"


@dataclass
class Post:
    """A post office: what it took, and what it says to a recipient, to a message or to a sign-in."""

    port: int = 0
    taken: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802  (the name is the library's)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  (the name is the library's)
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if "DATA" in self.refusals:
            return self.refusals["DATA"]
        self.taken.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 kept as 42"

    def sign_in(self, *login: Any) -> AuthResult:
        data = login[-1]
        return AuthResult(success=(data.login, data.password) == (b"alerts", PASSWORD.encode()), handled=False)

    @property
    def messages(self) -> list[EmailMessage]:
        contents = [envelope.content for envelope in self.taken]
        assert all(isinstance(content, bytes) for content in contents)
        return [message_from_bytes(content, policy=default) for content in contents if isinstance(content, bytes)]


@asynccontextmanager
async def post_office(tls: str = "none", *, signing_in: bool = False) -> AsyncIterator[Post]:
    post, loop = Post(), asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    options: dict[str, Any] = {
        "authenticator": post.sign_in,
        "auth_required": signing_in,
        "auth_require_tls": tls == "starttls",
    }
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    listener = await loop.create_server(
        lambda: SMTP(post, hostname="mx.test", loop=loop, **options), "127.0.0.1", 0,
        ssl=context if tls == "implicit" else None,
    )  # fmt: skip
    post.port = listener.sockets[0].getsockname()[1]
    try:
        yield post
    finally:
        listener.close()


async def tell(
    port: int, said: dict[str, Any], reference: Any = None, *, action: UUID = FIRST, seconds: float = 5,
    allow: str = "127.0.0.1", attempt: int = 1, **settings: Any,
) -> Outcome:  # fmt: skip
    section = {
        "kind": "email", "host": "127.0.0.1", "port": port, "tls": "none", "from": "tracker <alerts@example.com>",
        "to": ["team@example.com", "Boss <boss@example.com>"], **settings,
    }  # fmt: skip
    claimed = Claimed(
        id=action, verb="alert", target="team", payload=payload_of("alert", said),
        idempotency_key="k", attempt=attempt, lease=1, previous=None,
        provider="sosyalkopru", post="p1", rule="r", run=None, created_at=NOW, reference=reference,
    )  # fmt: skip
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with Outbound(Allowed.parse([allow]), timeout=timedelta(seconds=seconds), ssl_context=trusting) as outbound:
        performers = build_performers(Settings.model_validate({"channels": {"team": section}}), {}, outbound)
        return await performers["alert"].perform(claimed, NOW)


async def test_a_mail_says_who_what_and_when_and_is_the_same_at_every_attempt() -> None:
    async with post_office() as post:
        told = [await tell(post.port, ALERT, attempt=attempt) for attempt in (1, 2)]
    assert all(isinstance(outcome, Done) for outcome in told)
    first, again = post.messages
    assert post.taken[0].content == post.taken[1].content
    assert (first["Subject"], first["Message-ID"]) == ("p1 failed", f"<{FIRST}@example.com>")
    assert (first["From"], first["To"]) == (
        "tracker <alerts@example.com>",
        "team@example.com, Boss <boss@example.com>",
    )
    assert (first["Date"].datetime, first["Auto-Submitted"]) == (NOW, "auto-generated")
    assert again["In-Reply-To"] is None
    assert (
        first.get_content().replace("\r\n", "\n")
        == "p1 failed\n\nzaman aşımı\n\nseverity: warning\nrule: r\npost: p1\n"
    )
    assert (post.taken[0].mail_from, post.taken[0].rcpt_tos) == (
        "alerts@example.com",
        ["team@example.com", "boss@example.com"],
    )
    assert told[0].exchange.response == {"answer": "kept as 42", "refused": {}}


async def test_a_resolution_stands_under_its_alert() -> None:
    async with post_office() as post:
        alert = await tell(post.port, ALERT)
        assert isinstance(alert, Done)
        resolved = await tell(post.port, RESOLVED, alert.reference, action=SECOND)
        new = await tell(post.port, ALERT, alert.reference, action=UUID(int=9))
    assert isinstance(resolved, Done)
    assert isinstance(new, Done)
    assert [resolved.reference, new.reference] == [None, {"message_id": f"<{UUID(int=9)}@example.com>"}]
    first, under, other = post.messages
    assert under["In-Reply-To"] == under["References"] == first["Message-ID"] == f"<{FIRST}@example.com>"
    assert (under["Subject"], under["Message-ID"]) == ("Resolved: p1 failed", f"<{SECOND}@example.com>")
    assert other["References"] is None


@pytest.mark.parametrize(
    "title",
    ["a\r\nBcc: evil@example.com", "a\nBcc: evil@example.com\n\nnew body", "a\r.\r\n", "ü\u2028Bcc: x", "\x00\x1b[31m"],
)
async def test_no_text_becomes_a_header_or_ends_the_message(title: str) -> None:
    """Wherever it stands: in the title, the body, the facts or an alert that travels along."""
    said = ALERT | {"title": title, "body": f"{title}\r\n.\r\nRCPT TO:<evil@example.com>", "post": title}
    async with post_office() as post:
        assert isinstance(await tell(post.port, said | {"others": [{"title": title, "post": title}]}), Done)
    (message,) = post.messages
    assert message["Bcc"] is None
    assert set(message.keys()) == {
        "Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding",
        "MIME-Version", *(["X-Peer", "X-MailFrom", "X-RcptTo"] if message["X-Peer"] else []),
    }  # fmt: skip
    assert post.taken[0].rcpt_tos == ["team@example.com", "boss@example.com"]
    assert "RCPT TO:<evil@example.com>" in message.get_content()


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_the_connection_is_encrypted_and_signed_in_to(tls: str) -> None:
    """The certificate is checked against the name of the server, not against its address."""
    login: dict[str, Any] = {"username": "alerts", "password": PASSWORD, "tls": tls}
    async with post_office(tls, signing_in=tls == "starttls") as post:
        assert isinstance(await tell(post.port, ALERT, host="localhost", allow="localhost", **login), Done)
        assert post.encrypted == [tls == "starttls"]  # what began encrypted, the server's library does not tell
        wrong = await tell(post.port, ALERT, **login)
        assert (type(wrong), wrong.reason) == (Retry, Reason.TLS)
        assert len(post.taken) == 1


async def test_a_wrong_password_ends_it_and_is_not_shown() -> None:
    login: dict[str, Any] = {"username": "alerts", "password": "not the one", "tls": "starttls", "host": "localhost"}
    async with post_office("starttls", signing_in=True) as post:
        outcome = await tell(post.port, ALERT, allow="localhost", **login)
    assert (type(outcome), outcome.reason) == (Discard, Reason.NOT_ALLOWED)
    assert "not the one" not in repr(outcome)
    assert post.taken == []


async def test_without_encryption_nothing_is_said_where_encryption_is_wanted() -> None:
    async with post_office() as post:
        outcome = await tell(post.port, ALERT, tls="starttls")
        assert (type(outcome), outcome.reason) == (Retry, Reason.TLS)
        assert post.taken == []


@pytest.mark.parametrize(
    ("refusals", "outcome", "reason"),
    [
        ({"team@example.com": "550 no such", "boss@example.com": "550 no such"}, Discard, Reason.REJECTED),
        ({"team@example.com": "550 no such", "boss@example.com": "451 greylisted"}, Retry, Reason.POSTPONED),
        ({"DATA": "554 spam"}, Discard, Reason.REJECTED),
        ({"DATA": "452 full"}, Retry, Reason.POSTPONED),
        ({"team@example.com": "550 no such"}, Done, Reason.OK),
    ],
)
async def test_what_the_server_answers_decides_whether_it_is_tried_again(
    refusals: dict[str, str], outcome: type, reason: Reason
) -> None:
    """What one recipient was refused does not keep the message from the others, and is on record."""
    async with post_office() as post:
        post.refusals = refusals
        result = await tell(post.port, ALERT)
    assert (type(result), result.reason) == (outcome, reason)
    assert next(iter(refusals.values()))[:3] in result.detail


async def test_a_private_address_is_refused_for_good_by_whatever_name() -> None:
    async with post_office() as post:
        for host in ("127.0.0.1", "localhost"):
            outcome = await tell(post.port, ALERT, host=host, allow="10.0.0.0/8")
            assert (type(outcome), outcome.reason) == (Discard, Reason.BLOCKED)
    assert post.taken == []


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-wait\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def flooding(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-" + b"x" * 4000 + b"\r\n")
        await writer.drain()


async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 hello\r\n")
    await writer.drain()


async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await writer.drain()
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("handler", "reasons"),
    [
        (silent, {Reason.TIMEOUT}),
        (dripping, {Reason.TIMEOUT}),
        (flooding, {Reason.BAD_ANSWER, Reason.REJECTED}),
        (gone, {Reason.BAD_ANSWER}),
        (nonsense, {Reason.BAD_ANSWER}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_server_that_misbehaves_costs_no_more_than_the_deadline(handler: Handler, reasons: set[Reason]) -> None:
    async with serving(handler) as server:
        began = monotonic()
        outcome = await tell(server.port, ALERT, seconds=0.5)
        assert monotonic() - began < 2
    assert outcome.reason in reasons


async def test_a_port_where_nobody_listens_is_tried_again() -> None:
    async with serving(silent) as server:
        port = server.port
    outcome = await tell(port, ALERT)
    assert (type(outcome), outcome.reason) == (Retry, Reason.REFUSED)
