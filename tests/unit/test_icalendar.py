"""iCalendar: whatever posts say, every line is one of ours, short enough, and reads back as it was meant."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from tracker.domain.posts.event import Problem, State
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import Target
from tracker.queries.calendar import Planned
from tracker.queries.icalendar import LINE, escaped, folded, icalendar_of

AT = datetime(2026, 12, 1, 9, 30, 5, 999, tzinfo=UTC)
NAMES = [
    "BEGIN", "UID", "DTSTAMP", "DTSTART", "SEQUENCE", "SUMMARY", "DESCRIPTION", "STATUS", "TRANSP", "URL", "END",
]  # fmt: skip


def unfolded(text: str) -> list[str]:
    """The lines as a reader puts them together again."""
    assert text.endswith("\r\n")
    return text.removesuffix("\r\n").replace("\r\n ", "").split("\r\n")


def read(value: str) -> str:
    """A text value as it was before it was written."""
    signs = iter(value)
    return "".join({"n": "\n"}.get(after := next(signs), after) if sign == "\\" else sign for sign in signs)


@given(st.text(max_size=300))
@example("a\r\nEND:VEVENT\r\nBEGIN:VEVENT")
@example("\\n,;\u2028ATTENDEE:mailto:x@example.com\u0085x\x00")
@example("ğ" * 200)
@example("\ud800")
def test_no_text_ends_its_line_or_is_lost(text: str) -> None:
    whole = Target("", state=State.FAILED, problem=Problem("c", text, None))
    post = Post("prov\nider", text, state=State.DRAFT, excerpt=text or None, whole=whole)
    feed = icalendar_of([Planned(AT, post)], AT, lambda one: f"https://t.example/{one.id}")
    for line in feed.split("\r\n"):
        assert len(line.encode()) <= LINE
        assert len(line.splitlines()) <= 1
    event = unfolded(feed)[7:-1]
    assert [line.partition(":")[0] for line in event] == NAMES
    assert read(escaped(text)) == read(escaped(read(escaped(text))))


def test_an_event_is_written_as_the_rfc_has_it() -> None:
    post = Post("sosyalkopru", "p1", state=State.PUBLISHED, excerpt="Kahve; çay, süt\\şeker", version=4)
    lines = unfolded(icalendar_of([Planned(AT, post)], AT))
    assert lines[:2] == ["BEGIN:VCALENDAR", "VERSION:2.0"]
    assert lines[-1] == "END:VCALENDAR"
    assert "DTSTART:20261201T093005Z" in lines
    assert "SUMMARY:published: Kahve\\; çay\\, süt\\\\şeker" in lines
    assert "STATUS:CONFIRMED" in lines
    assert "SEQUENCE:4" in lines
    assert not [line for line in lines if line.startswith("URL")]
    again = icalendar_of([Planned(AT, Post("sosyalkopru", "p1")), Planned(AT, Post("other", "p1"))], AT)
    names = [line for line in unfolded(again) if line.startswith("UID:")]
    assert names[0] in lines
    assert names[0] != names[1]


def test_a_long_line_goes_on_behind_a_space_and_no_character_is_cut() -> None:
    line = "SUMMARY:" + "ş" * 80
    parts = folded(line).encode().split(b"\r\n")[:-1]
    assert [len(part) for part in parts] == [74, 75, 21]
    assert [part[:1] for part in parts[1:]] == [b" ", b" "]
    assert "".join(part.decode() for part in parts).replace(" ", "") == line
