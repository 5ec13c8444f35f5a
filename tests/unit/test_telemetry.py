"""The log: one list of its event names, and lines that a machine or a person reads."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from prometheus_client import Counter, Gauge, Histogram
from pydantic import SecretStr

import tracker
from tracker.runtime import metrics, telemetry

SOURCE = Path(tracker.__file__).parent
METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


def logged_names() -> set[str]:
    """The first argument of every call log.<level>(…) in the package."""
    names = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=method), args=[first, *_]) if (
                    method in METHODS
                ):
                    words = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
                    for word in words:
                        assert isinstance(word, ast.Constant), f"{path}:{node.lineno}: an event name is a literal"
                        names.add(str(word.value))
    return names


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_exactly_the_listed_names_are_logged() -> None:
    """Each event name in the code is explained in EVENTS, and each name in EVENTS is in the code."""
    assert logged_names() == set(telemetry.EVENTS)


def test_off_a_terminal_each_line_is_json() -> None:
    """Format auto writes JSON to what is not a terminal, with a time in UTC, a level and the values."""
    out = io.StringIO()
    telemetry.configure_logging("auto", "info", out)
    structlog.get_logger("tracker.test").info("alert", channel="ops", secret=SecretStr("hidden"))
    line = json.loads(out.getvalue())
    assert (line["event"], line["level"], line["channel"]) == ("alert", "info", "ops")
    assert line["timestamp"].endswith("Z")
    assert "hidden" not in out.getvalue()


def test_libraries_log_in_the_same_form() -> None:
    """What comes through the standard library's logging is a line of the same kind, errors included."""
    out = io.StringIO()
    telemetry.configure_logging("json", "warning", out)
    logging.getLogger("uvicorn").info("not shown")
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("uvicorn").exception("failed %s", "hard")
    line = json.loads(out.getvalue())
    assert (line["event"], line["logger"], line["level"]) == ("failed hard", "uvicorn", "error")
    assert line["exception"][0]["exc_value"] == "broken"


def test_the_alarm_clock_is_not_heard_at_each_of_its_steps() -> None:
    """Which jobs run is in the database; the library would tell it several times a minute."""
    out = io.StringIO()
    telemetry.configure_logging("json", "info", out)
    logging.getLogger("apscheduler.executors.default").info("Running job")
    logging.getLogger("apscheduler.scheduler").warning("skipped")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["skipped"]


def test_for_a_person_lines_are_text() -> None:
    """Format console is for reading, and leaves colours out where there is no terminal."""
    out = io.StringIO()
    telemetry.configure_logging("console", "debug", out)
    structlog.get_logger("tracker.test").debug("alert", channel="ops")
    assert "alert" in out.getvalue()
    assert "channel=ops" in out.getvalue()
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_others_said_moves_no_cursor(form: str) -> None:
    """Not as a value, not as the event of a library, and not in the message of an exception."""
    out = io.StringIO()
    telemetry.configure_logging(form, "warning", out)
    odd = "\x1b[2J\x9b31m\u202e"
    structlog.get_logger("tracker.test").error("rules.refused", fault=odd, other=f"with a blank {odd}", some=[odd])
    logging.getLogger("uvicorn").error("asked for %s", odd)
    try:
        raise RuntimeError(odd)
    except RuntimeError as error:
        structlog.get_logger("tracker.test").error("dashboard.fault", exc_info=error)
    assert "RuntimeError" in out.getvalue()
    assert all(letter.isprintable() or letter in "\n\t" for letter in out.getvalue())


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_where_but_not_the_values_of_variables(form: str) -> None:
    """Among the variables of a request's handler are keys and cookies."""
    out = io.StringIO()
    telemetry.configure_logging(form, "warning", out)
    key = "trk_" + "very-secret"
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        structlog.get_logger("tracker.test").error("dashboard.fault", exc_info=error)
    assert "test_telemetry.py" in out.getvalue()
    assert key not in out.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_control_character_of_a_stranger_is_in_a_line(form: str) -> None:
    """Not in a value, not in what a library says, and not in what went wrong; each is one line, but for a traceback."""
    out, said = io.StringIO(), "a\x1b[2J\x07\x7f\x9b31m\u202eb\nforged line"
    telemetry.configure_logging(form, "warning", out)
    structlog.get_logger("tracker.test").warning("alert", title=said, inner={"said": [said]})
    logging.getLogger("uvicorn").warning("odd: %s", said)
    assert out.getvalue().count("\n") == 2
    try:
        raise RuntimeError(said)
    except RuntimeError as error:
        structlog.get_logger("tracker.test").error("api.fault", exc_info=error)
    assert not [sign for sign in out.getvalue() if not sign.isprintable() and sign != "\n"]


def test_every_metric_is_measured_somewhere() -> None:
    """A figure that nothing sets is always zero, which is a lie."""
    known = {name for name, value in vars(metrics).items() if isinstance(value, Counter | Gauge | Histogram)}
    code = "\n".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py") if path.name != "metrics.py")
    assert known == {name for name in known if re.search(rf"\b(metrics\.{name}|{name}\.[a-z]+\()", code)}
