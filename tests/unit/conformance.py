"""What every kind of provider is held to: its shapes, and what can be tried with any of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

from msgspec.structs import astuple

from tests.unit.conforming import NONE, PATH, SECRETS, NotApplicable, adapter_of, answers_of, logged, refused
from tests.unit.conforming_signatures import rotation, signature_malformed, signature_missing, signature_wrong
from tests.unit.shapes import ARRIVAL, CASES, SHAPES, Case, Told
from tests.unit.shapes.case import ANSWERED, DELIVERED
from tracker.domain.posts.event import Fact, Report
from tracker.domain.posts.post import Step, fold
from tracker.errors import Rejected
from tracker.providers.adapter import Adapter
from tracker.providers.signing import sign
from tracker.receive.receiver import incoming

Check = Callable[[str], None]


def expect(told: Told, step: Step) -> None:
    """The post stands as it was told."""
    assert step.post.state == told.state
    assert {key: target.state for key, target in step.post.targets.items()} == told.targets
    if told.urls:
        assert {key: target.url for key, target in step.post.targets.items() if target.url} == told.urls
    if told.due:
        assert step.post.scheduled_at == told.due


def expect_problem(case: Case, steps: list[Step]) -> None:
    problem = next((step.post.problem for step in steps if step.post.problem), None)
    if case.error:
        assert problem, "no error was read"
        assert (problem.code, problem.message, problem.retryable) == case.error
    notes = tuple(note.code for step in steps for note in step.notes if note.code not in case.remarks)
    assert notes == case.notes


def expect_remarks(case: Case, said: Sequence[Fact | Report]) -> None:
    assert tuple(code for one in said for code, _ in one.remarks) == case.remarks
    if case.items is not None:
        assert tuple(target.item for one in said for target in one.targets) == case.items


def expect_seen(case: Case, told: Sequence[Fact | Report]) -> None:
    """What is told beside states is what the case says."""
    if case.seen is None:
        return
    (one,), seen = told, case.seen
    assert (one.excerpt, one.thumbnail, one.attributes) == (seen.excerpt, seen.thumbnail, seen.attributes)
    assert {target.account: target.account_name for target in one.targets if target.account_name} == seen.names
    account = one.account if isinstance(one, Fact) else None
    assert (astuple(account) if account else ()) == seen.account


def check_delivery(kind: str, case: Case, more: Mapping[str, Any] = NONE) -> None:
    """The delivery is verified, read and folded as the case says, or refused with its code."""
    adapter, body = adapter_of(kind, {**case.settings, **more}), json.dumps(case.body).encode()
    headers = sign(adapter.verifier.scheme, [SECRETS[0].encode()], body, ARRIVAL)
    adapter.verify(headers, body, ARRIVAL, PATH if adapter.verifier.scheme.form == "path" else "")
    if case.code:
        refused(partial(adapter.read, headers, body), case.code)
        return
    rows = logged(adapter, kind, body)
    assert [row.post or "" for row in rows] == ([told.post for told in case.told] or [""])
    facts = [fact for row in rows for fact in adapter.facts(row)]
    assert {(fact.event, fact.occurred_at) for fact in facts} == {(case.event, case.at)}
    later = [fact for more in case.then for row in logged(adapter, kind, json.dumps(more).encode())
             for fact in adapter.facts(row)]  # fmt: skip
    expect_remarks(case, facts)
    expect_seen(case, facts)
    steps = [fold(kind, fact.post, [fact, *later]) for fact in facts if fact.post]
    for told, step in zip(case.told, steps, strict=True):
        expect(told, step)
    expect_problem(case, steps)


def check_answer(kind: str, case: Case, more: Mapping[str, Any] = NONE) -> None:
    """The answer of the API tells of the post as the case says."""
    report = answers_of(kind, more).report(case.body)
    assert bool(report) is bool(case.told), "it was not read as it should be"
    if not report:
        return
    expect_remarks(case, [report])
    assert case.at in (ARRIVAL, report.updated_at)
    expect_seen(case, [report])
    step = reported(kind, case.told[0].post, report)
    expect(case.told[0], step)
    expect_problem(case, [step])


def check_list(kind: str, case: Case, more: Mapping[str, Any] = NONE) -> None:
    """The list tells of each post as the case says."""
    page = answers_of(kind, more).page(case.body)
    assert page, "nothing was read"
    expect_remarks(case, [listed.report for listed in page.posts])
    expect_seen(case, [listed.report for listed in page.posts])
    steps = [reported(kind, listed.post, listed.report) for listed in page.posts]
    assert {listed.report.updated_at for listed in page.posts} == {case.at} or case.at == ARRIVAL
    assert page.next == case.next
    assert [listed.post for listed in page.posts] == [told.post for told in case.told]
    for told, step in zip(case.told, steps, strict=True):
        expect(told, step)
    expect_problem(case, steps)


def reported(kind: str, post: str, report: Report) -> Step:
    """What the report makes of a post of which nothing else is known."""
    fact = Fact(
        id="1", provider=kind, post=post, event="reconciled", source="reconcile", occurred_at=ARRIVAL,
        received_at=ARRIVAL, position=1, state=report.state, raw_status=report.raw_status, targets=report.targets,
        problem=report.problem, scheduled_at=report.scheduled_at, attempt=report.attempt,
        lists_whole=report.lists_whole, remarks=report.remarks,
    )  # fmt: skip
    return fold(kind, post, [fact])


def check_case(kind: str, name: str, more: Mapping[str, Any] = NONE) -> None:
    """With `more` put into its section. Raises NotApplicable, with the reason."""
    case = SHAPES[kind][name]
    if isinstance(case, str):
        raise NotApplicable(case)
    tried = {"answer": check_answer, "list": check_list}.get(name.partition(",")[0], check_delivery)
    tried(kind, case, more)


def _usual(kind: str) -> tuple[Adapter, Any]:
    adapter, case = adapter_of(kind), SHAPES[kind]["published"]
    assert isinstance(case, Case)
    return adapter, case.body


def _numbered(adapter: Adapter, body: Any) -> tuple[dict[str, str], Any]:
    """Headers and body with the delivery's id taken out of both."""
    path = adapter.words.paths["delivery"]
    bare = {name: value for name, value in body.items() if name not in path} if isinstance(body, dict) else body
    return {}, bare


def repeat_with_id(kind: str) -> None:
    """The same id, over another body: the id is the delivery's name; one that is signed goes before a header."""
    adapter, body = _usual(kind)
    if not adapter.delivery_header and not adapter.words.paths["delivery"]:
        raise NotApplicable("it numbers no deliveries")
    signed = bool(adapter.words.paths["delivery"])
    contents = (json.dumps(body).encode(), json.dumps(body, indent=1).encode())
    names = {
        incoming(kind, adapter.read({adapter.delivery_header: header}, content), content, ARRIVAL).delivery
        for header, content in zip(("d1", "d2" if signed else "d1"), contents, strict=True)
    }
    assert len(names) == 1
    assert not names.pop().startswith("body:")


def repeat_without_id(kind: str) -> None:
    """Without an id the body is its own."""
    adapter, body = _usual(kind)
    headers, bare = _numbered(adapter, body)
    content = json.dumps(bare).encode()
    event = incoming(kind, adapter.read(headers, content), content, ARRIVAL)
    assert event.delivery == f"body:{sha256(content).hexdigest()}"


HOSTILE: tuple[Any, ...] = (
    None, True, 0, -1, 10**400, 1.5, 1e308, "", "x" * 5000, "a\x00b", "\ud83d", [], {}, [[]], [None] * 50, {"": {}},
)  # fmt: skip


def hostile(kind: str) -> None:
    """Each value of a real body gives way to each hostile one; what is deep, or is no JSON, is refused."""
    adapter, body = _usual(kind)
    for content in (b"[" * 200_000, b'{"a":' * 200_000, b"", b"\xff", b"nul", b'{"event": NaN}'):
        refused(partial(adapter.read, {}, content), "not_json")
    for value in HOSTILE:
        for spoiled in _spoiled(body, value):
            read_or_refuse(adapter, kind, json.dumps(spoiled).encode())


def _spoiled(body: Any, value: Any) -> list[Any]:
    found = [value]
    if isinstance(body, dict):
        found += [body | {name: other} for name, inner in body.items() for other in _spoiled(inner, value)]
    if isinstance(body, list):
        found += [
            [*body[:n], other, *body[n + 1 :]] for n, inner in enumerate(body) for other in _spoiled(inner, value)
        ]
    return found


def read_or_refuse(adapter: Adapter, kind: str, body: bytes) -> None:
    """Nothing but a rejection is raised, and what is read can be stored."""
    try:
        rows = logged(adapter, kind, body)
    except Rejected:
        return
    for row in rows:
        for fact in adapter.facts(row):
            assert "\x00" not in repr(fact)
            repr(fact).encode()
            assert fact.occurred_at.utcoffset() is not None


TRIED: dict[str, tuple[str, Check]] = {
    "same id": ("the same delivery again under its id", repeat_with_id),
    "no id": ("the same delivery again without an id", repeat_without_id),
    "missing": ("no signature", signature_missing),
    "wrong": ("the signature of another secret", signature_wrong),
    "malformed": ("a signature in no form at all", signature_malformed),
    "rotation": ("two active secrets", rotation),
    "hostile": ("hostile JSON: deep, huge, and of the wrong types everywhere", hostile),
}
"""What is tried with each kind."""

MEANINGS = DELIVERED | {name: meaning for name, (meaning, _) in TRIED.items()} | ANSWERED
assert MEANINGS.keys() == CASES.keys() | TRIED.keys()


def check(kind: str, name: str) -> None:
    """Raises AssertionError, or NotApplicable with the reason."""
    if name in TRIED:
        TRIED[name][1](kind)
    else:
        check_case(kind, name)


def reason(kind: str, name: str) -> str:
    """Why a kind has no such case; "" where it has."""
    try:
        check(kind, name)
    except NotApplicable as error:
        return str(error)
    return ""
