"""docs/reference/own-facts.md: every fact that tracker itself puts into the event log, found where it is written."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tracker
from tests.unit.provider_page import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "Facts of our own"

MEANINGS = {
    (
        "action",
        "action.done",
    ): "An action has been done. One of a retry that the provider took begins the next attempt.",
    ("action", "action.dead"): "It was refused for good, or all its attempts are used up.",
    ("action", "action.unknown"): "It may have happened, and nobody can tell.",
    ("action", "post.labelled"): "A post was created in the place of another: each bears the other's id as a label.",
    ("manual", "action.requested"): "Somebody asked for a retry of a post, or a question about it.",
    ("manual", "action.retried"): "Somebody had an ended action attempted once more.",
    ("manual", "action.discarded"): "Somebody gave an action up.",
    ("manual", "action.redelivered"): "An ended action is done once more, as a new one, as a plan ordered.",
    ("manual", "endpoint.created"): "Somebody subscribed a webhook to events, at run time.",
    ("manual", "endpoint.deleted"): "Somebody ended such a subscription.",
    ("manual", "endpoint.disabled"): "So many messages in a row failed for good that nothing more is sent there.",
    ("manual", "post.created"): "`tracker posts create` had the provider make a post.",
    ("manual", "plan.made"): "Somebody gave an order about many posts or actions at once.",
    ("manual", "plan.paused"): "Somebody let a plan rest.",
    ("manual", "plan.resumed"): "Somebody let it go on.",
    ("manual", "plan.cancelled"): "Somebody ended it.",
    ("manual", "rule.enabled"): "Somebody put a rule in force, whatever its file says.",
    ("manual", "rule.resumed"): "Somebody ended what paused a rule, or held it for its budget.",
    ("manual", "rule.disabled"): "Somebody put a rule out of force, whatever its file says.",
    ("manual", "run.acknowledged"): "Somebody sees to what a run of a rule has told.",
    ("manual", "run.cancelled"): "Somebody asked for a run to end.",
    ("manual", "silence.begun"): "Somebody keeps alerts from people, until the time that it names.",
    ("manual", "silence.ended"): "Somebody ended a silence before its time.",
    ("reconcile", "post.reconciled"): "What a provider said of a post when it was asked, where that was news.",
    ("reconcile", "post.not_found"): "The provider says that it knows no such post; once for each post.",
    ("reconcile", "provider.drifted"): "What a provider sends has changed where it matters; once, until it is over.",
    ("reconcile", "provider.silent"): "No webhook has come from a provider for longer than its rhythm.",
    ("reconcile", "provider.heard"): "Webhooks come from it again.",
    ("rule", "post.labelled"): "A rule has put labels on its post, or taken some away.",
}
NAME = re.compile(r"(post|action|endpoint|run|rule|silence|plan|provider)\.[a-z_]+")
ENDS = {"state": ("done", "dead", "unknown"), "what": ("retried", "discarded")}
"""What may stand in the hole of a name: the ends of an action, and what people do to one."""


def made() -> str:
    """The whole page."""
    intro = (
        "Everything that happens is an event of one log. Beside what providers send, these are written there by tracker"
        " itself; `source` tells them apart (`GET /api/v1/events?source=manual`). A fact of the source `signal` bears"
        " the name under which somebody outside called `POST /api/v1/signals/<name>`. A rule cannot react to the names"
        " that the sources `action` and `rule` write; what they change of a post counts all the same."
    )
    lines = [(f"`{event}`", f"`{source}`", says) for (source, event), says in sorted(MEANINGS.items())]
    return f"{intro}\n\n" + rows(("event", "source", "what it means"), lines)


def written() -> set[tuple[str, str]]:
    """(source, event) of each call of `own_fact` in the code, as far as the names stand in the module that calls it."""
    root = Path(tracker.__file__).parent
    found: set[tuple[str, str]] = set()
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "own_fact(" in text:
            module = importlib.import_module(".".join(path.relative_to(root.parent).with_suffix("").parts))
            found |= set(_calls(ast.parse(text), vars(module)))
    return found


def _calls(tree: ast.Module, names: dict[str, Any]) -> Iterator[tuple[str, str]]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and "own_fact" in ast.dump(node.func)]
    told = [(call.args[0], call.args[2]) for call in calls]
    fixed = {event.value for _, event in told if isinstance(event, ast.Constant)}
    for source, event in told:
        assert isinstance(source, ast.Constant)
        assert isinstance(source.value, str)
        for name in _names(event, tree, names, fixed):
            yield source.value, name


def _names(event: ast.expr, tree: ast.Module, names: dict[str, Any], fixed: set[Any]) -> Iterator[str]:
    match event:
        case ast.Constant(value=str(name)):
            yield name
        case ast.JoinedStr(values=[ast.Constant(value=str(before)), ast.FormattedValue(value=ast.Name(id=hole))]):
            yield from (f"{before}{end}" for end in ENDS[hole])
        case ast.Name(id=name) if name in names:
            yield names[name]
        case ast.Name(id="name"):
            return
        case _:
            words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)} - fixed - _logged(tree)
            yield from (word for word in words if isinstance(word, str) and NAME.fullmatch(word))


def _logged(tree: ast.Module) -> set[Any]:
    """Names of lines of the log, except those that are names of facts too."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and "id='log'" in ast.dump(node.func)]
    facts = {event for _, event in MEANINGS}
    return {call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant)} - facts
