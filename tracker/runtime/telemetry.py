"""The log: its form, and every event name in it."""

from __future__ import annotations

import logging
import sys
from io import StringIO
from typing import TYPE_CHECKING, TextIO

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer

from tracker.errors import printable
from tracker.runtime.tracing import current_trace

if TYPE_CHECKING:
    from structlog.types import EventDict, ExcInfo, Processor

EVENTS = {
    "action.ended": "An attempt at an action is over; state and reason say how it stands.",
    "action.fault": "Our own code failed while it performed an action; the action is dead.",
    "action.lease_lost": "An attempt ended after its lease: another process has the action now.",
    "action.put_off": "An action waits for something that has nothing to do with it; that was no attempt.",
    "agent.failed": "Part of the service failed; it is started again after a pause.",
    "agent.waiting": "Part of the service waits for the database.",
    "alert": "An alert of a channel of kind log.",
    "api.fault": "Our own code failed while it answered a request.",
    "dashboard.fault": "Our own code failed while it made a page of the dashboard.",
    "database.not_asked": "The database could not be asked whether it is at work on what is overdue.",
    "database.silent": "Connections on which the database waits for us while we wait for it were given up.",
    "database.waiting": "The database does not answer yet.",
    "delivery.quarantined": "An authentic webhook could not be used; it is kept in the quarantine.",
    "door.fault": "Our own code failed while it took a webhook; the provider was asked to send it again.",
    "listen.lost": "The connection that listens for wake-ups was lost; polling goes on.",
    "log.day_dropped": "A day that retention no longer keeps was dropped from the log.",
    "log.seal_postponed": "A day could not be closed yet; the next run tries again.",
    "outbound.unreachable": "Nothing can ever be sent to an address of the configuration; `fault` says where and why.",
    "postgres.hangs": "The embedded Postgres neither answers nor recovers: it is ended and started again.",
    "postgres.revived": "The embedded Postgres had died and was started again.",
    "presence.lost": "The session that shows others that this process lives was cut off; it gets another.",
    "presence.waiting": "What a dead process held cannot be taken over yet: the database is away.",
    "process.died": "Another process has died: what it held is taken over.",
    "provider.circuit_closed": "A provider has answered again: it is called as before.",
    "provider.circuit_opened": "Calls of a provider failed in a row: nobody calls it until then.",
    "provider.drift_over": "What had changed in a provider's payloads is mapped, as it was, or usual by now.",
    "provider.drifted": "Payloads of a provider have changed where it matters to what is read from them.",
    "provider.heard": "A provider that had been silent is heard again.",
    "provider.not_remembered": "What a call of a provider has shown could not be written down; the call itself counts.",
    "provider.put_off": "A provider wants to be left alone: nobody calls it until then.",
    "provider.silent": "No webhook has come from a provider for longer than its rhythm.",
    "receiver.unavailable": "Webhooks are refused with 503, because the log cannot be written.",
    "reconciliation.ended": "A provider was asked; `stopped` says why not everything was.",
    "refolding.armed": "Timers follow the posts that were made anew: how many are set.",
    "refolding.begun": "Posts that an older fold has made are being made anew; those in use are served until then.",
    "refolding.failed": "Posts could not be made anew; it is tried again, and those in use are served until then.",
    "refolding.switched": "Posts were made anew and are in use: how many there are, and how many are different.",
    "refolding.waits": "Posts cannot be made anew for now, as `error` tells; it is tried again.",
    "rules.armed": "A rule is new or means something new: how many timers are set now, and how many were cancelled.",
    "rules.clock_was_ahead": "What a rule did is dated in the future, so it holds nothing back: a clock was ahead.",
    "rules.doubtful": "Something about the rules is allowed, but probably not meant.",
    "rules.edited": "Somebody has saved a rule file on the dashboard; its earlier text is kept beside it.",
    "rules.fault": "Our own code failed while it read rule files; the last good rules stay in force.",
    "rules.kept": "The rule files are refused: the last good rules that the database keeps are in force.",
    "rules.loaded": "The rule files are in force as they are now.",
    "rules.refused": "A rule file has a fault; the last good rules stay in force.",
    "schedule.clock_moved": "The clock of this machine was put forward or back; every job looks what is due by it.",
    "schedule.clock_was_ahead": "Times of a job that a clock had taken too early are free again.",
    "schedule.failed": "A scheduled job has failed; the others go on, and it is tried again.",
    "schedule.postponed": "A scheduled job could not be done; it is tried again within half a minute.",
    "secrets.unreadable": "The secret file of a provider cannot be read; the secrets that were known stay active.",
    "service.started": "This process serves.",
    "service.stopped": "This process has stopped in good order.",
    "settings.left_out": "A channel or an endpoint is set up wrongly: nothing is sent there, and the rest works.",
    "stream.waiting": "The stream of events waits for the database to come back.",
    "subscription.parked": "An event that always fails was set aside, so that its bucket goes on.",
    "wakeups.not_told": "Other processes could not be woken: they look by themselves within a poll.",
    "worker.outcome_not_recorded": "An attempt's outcome could not be written; its lease will lapse.",
    "worker.rescued": "Actions of processes that died were put back.",
}
"""Every event name that the code logs, with what it means. A name that is not here may not be logged."""

TALKATIVE = ("apscheduler",)
"""Libraries that tell each of their steps at the level info."""


def configure_logging(form: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Write the log to `stream` (standard error), as JSON lines or for a person (`auto`: a person has a terminal).

    What libraries log through `logging` takes the same form.
    """
    out = stream or sys.stderr
    console = form == "console" or (form == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    forget = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_common(), processors=[forget, *_rendering(console, out)])
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_common(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        _with_trace,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _with_trace(_logger: object, _method: str, values: EventDict) -> EventDict:
    if trace := current_trace():
        values["trace_id"] = trace
    return values


def _rendering(console: bool, out: TextIO) -> list[Processor]:
    # Values of variables are left out of tracebacks: among them are keys, cookies and bodies.
    if console:
        return [_shown, structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=_traceback)]
    tracebacks = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return [tracebacks, structlog.processors.JSONRenderer(default=str)]


def _shown(_logger: object, _method: str, values: EventDict) -> EventDict:
    """What others have said cannot move a terminal's cursor."""
    for name, value in values.items():  # the console shows values in quotes, but not the event
        if isinstance(value, str):
            values[name] = printable(value, keep="" if name == "event" else "\n\t")
    return values


def _traceback(out: TextIO, error: ExcInfo) -> None:
    text = StringIO()
    structlog.dev.plain_traceback(text, error)
    out.write(printable(text.getvalue(), keep="\n\t"))
