"""Template files: checked when a rule is loaded, rendered without raising, and never for long."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.test_rulebook_expressions import values
from tracker.domain.rules.periodic import MOST_ITEMS
from tracker.domain.rules.step import AlertStep, SendStep
from tracker.rulebook import Rulebook, load_rules
from tracker.rulebook.folder import Folder
from tracker.rulebook.template_files import LONGEST_PAGE, TemplateFiles

RULE = '[rule.a]\nevery = "1h"\nover = { events = "post.failed" }\ndo = [{ send = "team", template = "digest.md.j2" }]'
ABOUT_A_POST = RULE.replace(
    'every = "1h"\nover = { events = "post.failed" }', 'while = { state = "failed" }\nfor = "1h"'
).replace(" }]", ' }, { retry = "publish" }]')
ITEMS = [
    {"event": "post.failed", "post_id": "p1", "error_message": "timeout", "platforms": ["x", "vk"]},
    {"event": "post.published", "post_id": "p2", "error_message": "", "platforms": ["x"]},
]


def written(folder: Path, template: str, rule: str = RULE) -> Rulebook:
    (folder / "templates").mkdir()
    (folder / "templates" / "digest.md.j2").write_text(template)
    (folder / "a.toml").write_text(rule)
    return load_rules(folder)


def rendered(folder: Path, template: str, **told: object) -> str:
    gathers = "run.items" in template or "run.count" in template
    book = written(folder, template, RULE if gathers else ABOUT_A_POST)
    assert [str(fault) for fault in book.faults] == []
    step, *_ = book.rules[0].do
    assert isinstance(step, SendStep)
    assert step.body is not None
    return step.body(values(**told))


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{{ run.count }} posts since {{ run.since }}", "2 posts since 2026-11-24 09:00:00 UTC"),
        ("{% for one in run.items %}\n- {{ one.post_id }}\n{% endfor %}", "- p1\n- p2\n"),
        ("{% for post in run.items %}{{ post.post_id }} {% endfor %}", "p1 p2 "),
        ('{{ run.items | selectattr("event", "equalto", "post.failed") | list | length }}', "1"),
        ('{{ run.items | map(attribute="post_id") | join(", ") }}', "p1, p2"),
        ("{% for a in run.items %}{% for b in a.platforms %}{{ b }}{{ loop.last }} {% endfor %}{% endfor %}",
         "xfalse vktrue xtrue "),
        ("{% for one in run.items if one.error_message %}{{ loop.index }} {{ one.error_message | upper }}{% endfor %}",
         "1 TIMEOUT"),
        ("{% set failed = run.items | selectattr('error_message') | list %}{{ failed | length }} of {{ run.count }}",
         "1 of 2"),
        ("{{ 100 * (run.count - 1) // run.count }}%", "50%"),
        ("{{ post.platforms }} {{ error.retryable }} {{ run.held }}", "instagram, x true 1h30m"),
        ("{% for name, text in post.labels | dictsort %}{{ name }}={{ text }} {% endfor %}", "items=3 stage=late "),
        ("{{ post.labels.items | default('') }} {{ post.labels.stage | default('') }}", "3 late"),
        ("{{ post.labels.owner | default('nobody') }}", "nobody"),
        ("{% if post.state in ['failed', 'partial'] %}bad{% else %}good{% endif %}", "good"),
        ("{# a remark #}{{ error.message }}", "{{ post.id }} <b>"),
    ],
)  # fmt: skip
def test_a_template_is_filled_with_what_the_rule_knows(tmp_path: Path, template: str, wanted: str) -> None:
    told = {
        "run__count": 2,
        "run__items": ITEMS,
        "run__since": datetime(2026, 11, 24, 9, tzinfo=UTC),
        "run__held": timedelta(minutes=90),
        "post__platforms": ["instagram", "x"],
        "post__labels": {"stage": "late", "items": "3"},
        "error__retryable": True,
        "error__message": "{{ post.id }} <b>",
    }
    assert rendered(tmp_path, template, **told) == wanted


def test_an_alert_has_its_text_from_a_template_too(tmp_path: Path) -> None:
    rule = '[rule.a]\non = "post.failed"\ndo = [{ alert = "ops", title = "x", template = "digest.md.j2" }]'
    (step,) = written(tmp_path, "{{ post.id }} failed", rule).rules[0].do
    assert isinstance(step, AlertStep)
    assert step.body is not None
    assert step.body(values(post__id="p1")) == "p1 failed"


WRONG = {
    "a noun": ("line\n{{ pots.id }}", 2, 'pots: not a value that rules can read (did you mean "post"?)'),
    "a field": ("{{ post.stat }}", 1, 'post.stat: not a value that rules can read (did you mean "post.state"?)'),
    "a field far from any": (
        "{{ account.size }}",
        1,
        "account.size: not a value that rules can read (account has id, platform, name)",
    ),
    "a filter": ("{{ post.id | uper }}", 1, 'there is no filter "uper" (did you mean "upper"?)'),
    "a test": ("{{ post.id is stringy }}", 1, "No test named 'stringy'"),
    "syntax": ("a\n\n{% for x in run.items %}", 3, "Unexpected end of template"),
    "a call": ("{{ range(10) }}", 1, "nothing can be called in a template: use a filter"),
    "a method": ('{{ "x".ljust(9) }}', 1, "nothing can be called in a template: use a filter"),
    "another file": ('{% include "x" %}', 1, "a template stands alone: it includes no other"),
    "a loop in a loop in a loop": (
        "{% for a in run.items %}{% for b in run.items %}{% for c in run.items %}{% endfor %}{% endfor %}{% endfor %}",
        1,
        "loops stand at most 2 deep",
    ),
    "texts that grow": ("{% set a = error.message ~ error.message %}", 1, "texts are not put together"),
    "lists that grow": ("{% set a = [run.items, run.items] %}", 1, "a list in a template is of plain words"),
    "a power": ("{{ 2 ** 9999999 }}", 1, '"pow" is not for templates of rules'),
    "a macro": ("{% macro m() %}{% endmacro %}", 1, '"macro" is not for templates of rules'),
    "a block": ("{% block b %}{% endblock %}", 1, '"block" is not for templates of rules'),
}


@pytest.mark.parametrize(("template", "line", "wrong"), WRONG.values(), ids=WRONG.keys())
def test_a_template_that_could_go_wrong_is_refused_with_file_and_line(
    tmp_path: Path, template: str, line: int, wrong: str
) -> None:
    fault = written(tmp_path, template).faults[0]
    assert str(fault).startswith(f"{tmp_path}/templates/digest.md.j2:{line}: ")
    assert wrong in str(fault)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("digset.md.j2", 'there is no file "digset.md.j2" under templates/ (did you mean "digest.md.j2"?)'),
        ("other", 'there is no file "other" under templates/ (there is digest.md.j2)'),
        ("../a.toml", 'there is no file "../a.toml" under templates/'),
        ("/etc/passwd", 'there is no file "/etc/passwd" under templates/'),
    ],
)
def test_a_file_that_is_not_there_is_refused_where_it_is_named(tmp_path: Path, name: str, wrong: str) -> None:
    (fault,) = written(tmp_path, "x", RULE.replace("digest.md.j2", name)).faults
    assert str(fault).startswith(f"{tmp_path}/a.toml:4:35: rule.a.do[0].template: {wrong}")


def test_a_file_that_is_no_text_or_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a").write_bytes(b"\xff")
    (tmp_path / "templates" / "b").write_text("x" * 70_000)
    pages = TemplateFiles(Folder(tmp_path))
    assert [pages.page(name) for name in ("a", "b")] == [None, None]
    assert [fault.message for fault in pages.found] == [
        'the byte 0xFF ("ÿ" in Windows-1254) is not UTF-8: save the file as UTF-8',
        "is 70000 characters long; 65536 are allowed",
    ]


def test_the_files_that_rules_use_are_watched_with_them(tmp_path: Path) -> None:
    book = written(tmp_path, "x")
    assert [file.name for file in book.files] == ["a.toml", "digest.md.j2"]


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{{ post.id }}: {{ post.labels[post.id] }}!", "p1: [digest.md.j2: 'dict object' has no attribute 'p1']"),
        ("a {{ 1 / run.tries }} b", "a [digest.md.j2: division by zero]"),
        ("a {{ post.id * 1000 }} b", 'a [digest.md.j2: "*" is for numbers and times]'),
        ("a {{ post.id + post.id }} b", 'a [digest.md.j2: "+" is for numbers and times]'),
        ("a {{ 999999999999 * 999999999999 }} b", "a [digest.md.j2: the number is too great]"),
        ('a {{ "%999999999d" % 1 }} b', 'a [digest.md.j2: "%" is for numbers and times]'),
        ("{% for a in post.id %}{% endfor %}", "[digest.md.j2: a text has no parts to go through]"),
        ("{% for a in run.count %}{% endfor %}", "[digest.md.j2: 'int' object is not iterable]"),
    ],
)
def test_what_goes_wrong_is_told_in_the_text(tmp_path: Path, template: str, wanted: str) -> None:
    assert rendered(tmp_path, template, post__id="p1") == wanted


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in run.items %}{% for b in run.items %}{{ a.error_message }}{% endfor %}{% endfor %}",
        "{% for a in error.message | list %}{% for b in error.message | list %}{% endfor %}{% endfor %}x",
        "{% set a = run.items | map(attribute='error_message') | join %}" * 50 + "{{ a }}",
        "{% set a = error.message | urlencode %}" + "{% set a = a | urlencode %}" * 200 + "{{ a }}",
        "{{ run.items }}" * 100,
    ],
)
def test_a_template_comes_to_an_end_and_its_text_has_one(tmp_path: Path, template: str) -> None:
    items = [{"error_message": "%" * 4000, "platforms": ["x"] * 50}] * MOST_ITEMS
    began = time.perf_counter()
    assert len(rendered(tmp_path, template, run__items=items, error__message="%" * 4000)) <= LONGEST_PAGE
    assert time.perf_counter() - began < 5
