"""The logger of a module: what writes the lines is loaded with the first of them, which most commands never log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Logger:
    """Logs events by structlog under the module's name, as in `log.warning("rules.refused", fault="…")`."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        import structlog  # noqa: PLC0415  (takes a tenth of a second, most of it for tracebacks)

        for handler in logging.getLogger().handlers:
            if isinstance(handler, Unready):
                handler.configure()
        logged: Callable[..., Any] = getattr(structlog.get_logger(self._name), method)
        return logged


class Unready(logging.Handler):
    """Stands for the log of a command until something is logged, by us or a library; then it is configured."""

    def __init__(self, form: str, level: str) -> None:
        super().__init__()
        self._form, self._configured_level = form, level

    def configure(self) -> None:
        """Put what really writes in place of this."""
        from tracker.runtime.telemetry import configure_logging  # noqa: PLC0415  (loads structlog)

        configure_logging(self._form, self._configured_level)

    def emit(self, record: logging.LogRecord) -> None:
        self.configure()
        logging.getLogger(record.name).handle(record)


def configure_when_logged(form: str, level: str) -> None:
    """Configure the log as `telemetry.configure_logging` does, as soon as there is something to log."""
    logging.basicConfig(handlers=[Unready(form, level)], level=level.upper(), force=True)
