"""Mail: one message to one server, under the same rule about addresses and within the same deadline as a request."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import aiosmtplib

from tracker.domain.actions import Reason
from tracker.outbound.addresses import Allowed, OutboundError, dial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from email.message import EmailMessage

    from pydantic import SecretStr

UNAUTHORISED = frozenset({530, 534, 535, 538})
FAREWELL = 1.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, by whom (nobody where `username` is empty), from whom and to whom."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"]
    username: str
    password: SecretStr
    sender: str
    recipients: Sequence[str]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the server said when it took the message, and which recipients it did not take, with its words."""

    answer: str
    refused: Mapping[str, str]


async def deliver(
    server: MailServer, message: EmailMessage, allowed: Allowed, seconds: float, context: ssl.SSLContext | None
) -> Receipt:
    """Hand the message in; raises OutboundError."""
    stage = _Stage()
    client = aiosmtplib.SMTP(
        hostname=server.host,
        local_hostname=_our_name(),
        timeout=seconds,
        use_tls=server.tls == "implicit",
        start_tls=server.tls == "starttls",
        tls_context=context or _usual_context(),
        username=server.username or None,
        password=server.password.get_secret_value() if server.username else None,
    )
    with _told_as_reasons(stage):
        try:
            async with asyncio.timeout(seconds):
                connection = await dial(server.host, server.port, allowed, seconds)
                await client.connect(sock=connection)
                stage.sending = True
                refused, answer = await client.sendmail(server.sender, server.recipients, message.as_bytes())
            with suppress(TimeoutError, OSError, aiosmtplib.SMTPException):
                async with asyncio.timeout(FAREWELL):
                    await client.quit()
        finally:
            client.close()
    return Receipt(answer, {who: f"{said.code} {said.message}" for who, said in refused.items()})


@dataclass(slots=True)
class _Stage:
    """How far a delivery came: whether the message may have been heard."""

    sending: bool = False


@contextmanager
def _told_as_reasons(stage: _Stage) -> Iterator[None]:
    """Every way in which a delivery can fail, as one error that says whether the message may have been heard."""
    try:
        yield
    except TimeoutError as error:
        raise OutboundError(Reason.TIMEOUT, "no complete answer in time", sent=stage.sending) from error
    except aiosmtplib.SMTPRecipientsRefused as error:
        later = any(_reason_of(one.code) is Reason.POSTPONED for one in error.recipients)
        said = "; ".join(f"{one.recipient}: {one.code} {one.message}" for one in error.recipients)
        raise OutboundError(Reason.POSTPONED if later else Reason.REJECTED, said, sent=True) from error
    except aiosmtplib.SMTPResponseException as error:
        raise OutboundError(_reason_of(error.code), f"{error.code} {error.message}", sent=stage.sending) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        reason = Reason.TLS if _is_about_tls(error) else Reason.BAD_ANSWER
        raise OutboundError(reason, str(error) or "the connection ended", sent=stage.sending) from error


def _reason_of(code: int) -> Reason:
    if code in UNAUTHORISED:
        return Reason.NOT_ALLOWED
    return {4: Reason.POSTPONED, 5: Reason.REJECTED}.get(code // 100, Reason.BAD_ANSWER)


def _is_about_tls(error: BaseException | None) -> bool:
    while error:
        if isinstance(error, ssl.SSLError) or (isinstance(error, aiosmtplib.SMTPException) and "TLS" in str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


@cache
def _usual_context() -> ssl.SSLContext:
    return ssl.create_default_context()


@cache
def _our_name() -> str:
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", name, re.ASCII) else "localhost"
