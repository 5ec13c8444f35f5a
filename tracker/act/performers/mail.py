"""E-mail: a message with an id that stays over its attempts, and a resolution that stands under its alert."""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

from tracker.act.performers.http_delivery import HOPELESS
from tracker.act.performers.notify import body_of, facts_of, follows, title_of
from tracker.domain.actions import Discard, Done, Exchange, Reason, Retry
from tracker.outbound.addresses import OutboundError
from tracker.outbound.client import shown
from tracker.outbound.mail import MailServer
from tracker.settings.values import MAIL_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.domain.actions import Claimed, Outcome
    from tracker.outbound.client import Outbound
    from tracker.settings import EmailChannel

FOR_GOOD = HOPELESS | {Reason.NOT_ALLOWED, Reason.REJECTED}
"""A mail server's permanent refusals are not to be repeated."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server, and who is told by it; remembers a message as {"message_id"}."""

    channel: EmailChannel
    outbound: Outbound

    async def send_alert(self, claimed: Claimed, now: datetime) -> Outcome:
        """Hand the alert to the mail server, once; Done means that the server took it."""
        message = self._message(claimed)
        request: Mapping[str, object] = {
            "server": f"{self.channel.host}:{self.channel.usual_port}",
            "to": list(self.channel.to),
            "message_id": str(message["Message-ID"]),
            "subject": str(message["Subject"]),
        }
        hidden = [self.channel.password.get_secret_value()]
        try:
            receipt = await self.outbound.mail(self._server(), message)
        except OutboundError as error:
            detail = shown(error.detail, hidden)
            record = Exchange(request, {"reason": str(error.reason), "detail": detail, "sent": error.sent})
            if error.reason in FOR_GOOD:
                return Discard(error.reason, detail, record)
            return Retry(error.reason, None, detail, record)
        refused = {who: shown(said, hidden) for who, said in receipt.refused.items()}
        record = Exchange(request, {"answer": shown(receipt.answer, hidden), "refused": refused})
        detail = "; ".join(f"not taken for {who}: {said}" for who, said in refused.items())
        reference = None if follows(claimed) else {"message_id": str(message["Message-ID"])}
        return Done(detail, exchange=record, reference=reference)

    def _server(self) -> MailServer:
        channel = self.channel
        sender, *recipients = (_address(one).addr_spec for one in (channel.sender, *channel.to))
        return MailServer(
            channel.host, channel.usual_port, channel.tls, channel.username, channel.password, sender, recipients
        )

    def _message(self, claimed: Claimed) -> EmailMessage:
        """The message as it is handed in, equal at every attempt."""
        sender = _address(self.channel.sender)
        message = EmailMessage(policy=SMTP)
        message["Message-ID"] = f"<{claimed.id}@{sender.domain}>"
        message["Date"] = format_datetime(claimed.created_at)
        message["From"], message["To"] = sender, [_address(one) for one in self.channel.to]
        message["Subject"] = title_of(claimed.alert)
        message["Auto-Submitted"] = "auto-generated"
        if claimed.reference is not None and follows(claimed):
            message["In-Reply-To"] = message["References"] = str(claimed.reference["message_id"])
        said = (title_of(claimed.alert), body_of(claimed.alert), facts_of(claimed.alert))
        message.set_content("\n\n".join(part for part in said if part) + "\n")
        return message


def _address(text: str) -> Address:
    """An address that the settings have found right."""
    found = MAIL_ADDRESS.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is not a mail address')
    return Address(display_name=found["name"] or "", addr_spec=found["address"])
