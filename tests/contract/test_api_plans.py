"""Orders about many at once: what would come of them, the plan, its progress, and what it can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.corridor import READERS, Corridor
from tests.integration.told import NOON, PROVIDER, told
from tracker.act.plans import PlanRunner
from tracker.api import Parts, application
from tracker.domain.actions import ActionSpec, Discard, Reason
from tracker.domain.payloads import SendPayload
from tracker.domain.plans import VERBS
from tracker.domain.posts.event import Problem, Report, State, TargetFact
from tracker.domain.runs.engine_state import ActionRequest
from tracker.facts.own_facts import reconciled
from tracker.store.actions import actions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database
    from tracker.store.log.event_log import Incoming

pytestmark = pytest.mark.anyio

ALL: dict[str, Any] = {"filters": {}}
MOVES = ("pause", "resume", "cancel")


@pytest.fixture
async def corridor(database: Database) -> Corridor:
    """Three dead messages of one endpoint, and one of another that was done."""
    corridor = await Corridor(database, []).open()
    corridor.world.answers["send"] = [Discard(Reason.GONE)] * 3
    for at, target in enumerate(("cms", "cms", "cms", "crm")):
        corridor.at = at
        spec = ActionSpec("send", target, SendPayload(event="e", data={}), f"run:{at}", corridor.now())
        async with database.connection() as conn:
            await actions.intend(conn, [ActionRequest(spec, "r", "1", None, PROVIDER, f"p{at}")], corridor.now())
        await corridor.settle()
    return corridor


@pytest.fixture
async def client(database: Database, corridor: Corridor) -> AsyncIterator[httpx2.AsyncClient]:
    parts = Parts(database, corridor.now, None, providers=(PROVIDER,), readers=READERS)
    async with serving(application(parts)) as client:
        client.headers |= await bearer(database, "operate")
        yield client


async def post(client: httpx2.AsyncClient, path: str, status: int, body: Any = None) -> Any:
    answer = await client.post(f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def get(client: httpx2.AsyncClient, path: str) -> Any:
    answer = await client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def failed(post: str, code: str, retryable: bool) -> Incoming:
    """That the post failed on Instagram, and whether its provider believes that trying again helps."""
    problem = Problem(code, "", retryable)
    report = Report(targets=(TargetFact("instagram", state=State.FAILED, problem=problem),))
    return reconciled(PROVIDER, post, report, NOON, NOON)


async def carried_out(corridor: Corridor) -> None:
    """All that is planned, a second after the other."""
    runner = PlanRunner(corridor.database, corridor.now)
    for _ in range(3):
        while await runner.step():
            pass
        corridor.at += 1


async def test_a_dry_run_says_what_would_come_of_it_and_plans_nothing(client: httpx2.AsyncClient) -> None:
    body: dict[str, Any] = {"filters": {"state": ["dead", "done"]}}
    tried = await post(client, "/actions/retry?dry_run=true", 200, body)
    assert tried == {"plan": None, "matched": 4, "exact": True, "orders": 3, "skipped": {"done": 1}}
    every = await post(client, "/actions/retry?dry_run=true", 200, body | {"include": "all"})
    assert (every["orders"], every["skipped"]) == (4, {})
    assert (await post(client, "/actions/retry?dry_run=true", 200, {"filters": {}}))["matched"] == 3
    assert (await get(client, "/plans"))["items"] == []
    assert (await get(client, "/events?source=manual"))["items"] == []


async def test_a_plan_is_watched_to_its_end(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    body = {"filters": {"target": "cms"}, "pace": "1 per second", "note": "the CMS was down"}
    planned = await post(client, "/actions/retry", 201, body)
    made = planned["plan"]
    assert (planned["orders"], made["state"], made["total"], made["left"]) == (3, "running", 3, 3)
    assert (made["subject"], made["verb"], made["pace"], made["note"]) == (
        "actions", "retry", "1 in 1s", "the CMS was down",
    )  # fmt: skip
    assert (made["by"], made["filters"]) == ("test operate", {"target": "cms"})
    assert (made["created_at"], made["ends_at"]) == ("2026-11-10T12:00:03Z", "2026-11-10T12:00:05Z")
    runner = PlanRunner(corridor.database, corridor.now)
    await runner.step()
    await corridor.settle()
    one = await get(client, f"/plans/{made['id']}")
    assert (one["ordered"], one["left"], one["outcomes"], one["failed"]) == (1, 2, {"done": 1}, 0)
    corridor.world.answers["send"] = [Discard(Reason.GONE)]
    for at in (10, 11):
        corridor.at = at
        await runner.step()
    await corridor.settle()
    one = await get(client, f"/plans/{made['id']}")
    assert (one["state"], one["left"], one["outcomes"], one["failed"]) == ("done", 0, {"done": 2, "dead": 1}, 1)
    assert one["ends_at"] is None
    listed = await get(client, f"/actions?plan={made['id']}")
    assert [(action["post"], action["attempts"]) for action in listed["items"]] == [("p2", 2), ("p1", 2), ("p0", 2)]


async def test_redelivered_actions_name_those_that_they_repeat(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    body = {"filters": {"state": ["done"], "target": "crm"}}
    made = (await post(client, "/actions/redeliver", 201, body))["plan"]
    await PlanRunner(corridor.database, corridor.now).step()
    (again,) = (await get(client, f"/actions?plan={made['id']}"))["items"]
    (old,) = (await get(client, "/actions?target=crm&state=done"))["items"]
    assert (again["redelivers"], again["state"], again["id"] == old["id"]) == (old["id"], "pending", False)


async def test_actions_are_discarded_by_their_ids(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    ids = [action["id"] for action in (await get(client, "/actions"))["items"]]
    planned = await post(client, "/actions/discard", 201, {"ids": ids[:3]})
    assert (planned["orders"], planned["skipped"]) == (2, {"done": 1})
    await carried_out(corridor)
    states = {action["id"]: action["state"] for action in (await get(client, "/actions"))["items"]}
    assert [states[id_] for id_ in ids] == ["done", "discarded", "discarded", "dead"]
    one = await get(client, f"/plans/{planned['plan']['id']}")
    assert (one["state"], one["ordered"], one["skipped"]) == ("done", 2, {"done": 1})


async def test_posts_are_retried_asked_about_and_silenced_by_the_filters_of_their_list(
    client: httpx2.AsyncClient, corridor: Corridor
) -> None:
    final, again = failed("final", "rejected", False), failed("again", "timeout", True)
    await corridor.tell(final, again, told("fine", "published", 0))
    tried = await post(client, "/posts/retry?dry_run=true", 200, {"filters": {}})
    assert tried == {"plan": None, "matched": 2, "exact": True, "orders": 1, "skipped": {"will_not_help": 1}}
    by_id = {"ids": ["final", "fine", "nobody"]}
    assert (await post(client, "/posts/retry?dry_run=true", 200, by_id))["skipped"] == {
        "will_not_help": 1, "published": 1,
    }  # fmt: skip
    by_code = {"filters": {"error": "rejected", "platform": "INSTAGRAM"}, "include": "all"}
    assert (await post(client, "/posts/retry?dry_run=true", 200, by_code))["orders"] == 1
    made = (await post(client, "/posts/retry", 201, {"filters": {"state": ["failed"]}}))["plan"]
    asked = (await post(client, "/posts/reconcile", 201, {"filters": {"q": "fin"}}))["plan"]
    hidden = (await post(client, "/posts/silence", 201, {"ids": ["fine"], "for": "1h", "note": "known"}))["plan"]
    await carried_out(corridor)
    assert [(await get(client, f"/plans/{plan['id']}"))["ordered"] for plan in (made, asked, hidden)] == [1, 2, 1]
    (retry,) = (await get(client, f"/actions?plan={made['id']}"))["items"]
    assert (retry["verb"], retry["post"]) == ("retry", "again")
    (silence,) = (await get(client, "/silences"))["items"]
    assert (silence["match"], silence["reason"]) == ({"provider": PROVIDER, "post": "fine"}, "known")
    history = (await get(client, "/posts/again/history"))["items"]
    (request,) = [entry["data"] for entry in history if entry["data"].get("event") == "action.requested"]
    assert request["plan"] == made["id"]
    over = await post(client, "/posts/retry?dry_run=true", 200, {"filters": {"state": ["failed"]}})
    assert over["skipped"] == {"under_way": 1, "will_not_help": 1}


async def test_it_is_paused_resumed_and_cancelled_and_the_log_says_by_whom(client: httpx2.AsyncClient) -> None:
    made = (await post(client, "/actions/retry", 201, ALL))["plan"]["id"]
    assert (await post(client, f"/plans/{made}/pause", 200))["state"] == "paused"
    assert "only one that is running can be paused" in (await post(client, f"/plans/{made}/pause", 409))["detail"]
    assert (await post(client, f"/plans/{made}/resume", 200))["state"] == "running"
    assert (await post(client, f"/plans/{made}/cancel", 200))["state"] == "cancelled"
    assert (await post(client, f"/plans/{made}/resume", 409))["type"] == "urn:tracker:problem:wrong-state"
    kinds = [event["type"] for event in (await get(client, "/events?source=manual"))["items"]]
    assert kinds == [f"plan.{what}" for what in ("made", "paused", "resumed", "cancelled")]


async def test_plans_come_in_pages_by_state(client: httpx2.AsyncClient) -> None:
    made = [(await post(client, "/actions/retry", 201, ALL))["plan"]["id"] for _ in range(3)]
    await post(client, f"/plans/{made[0]}/cancel", 200)
    first = await get(client, "/plans?limit=2")
    second = await get(client, f"/plans?limit=2&cursor={first['next']}")
    assert sorted(item["id"] for item in first["items"] + second["items"]) == sorted(made)
    assert second["next"] is None
    assert [item["id"] for item in (await get(client, "/plans?state=cancelled"))["items"]] == made[:1]


@pytest.mark.parametrize(
    ("path", "body", "parameter", "told"),
    [
        ("actions/retry", {"filter": {}}, "filter", 'did you mean "filters"'),
        ("actions/retry", {"filters": {"verbs": "send"}}, "filters.verbs", 'did you mean "verb"'),
        ("actions/retry", {"filters": {"verb": "sned"}}, "filters.verb", 'did you mean "send"'),
        ("actions/retry", {"filters": {"state": []}}, "filters.state", "1"),
        ("actions/retry", {"filters": {"state": ["pnding"]}}, "filters.state", 'did you mean "pending"'),
        ("actions/retry", {"filters": {"since": "yesterdy"}}, "filters.since", "zone"),
        ("actions/retry", {"filters": {"post": "\x00"}}, "filters.post", "zero"),
        ("actions/retry", {"filters": {"target": ""}}, "filters.target", "1"),
        ("actions/retry", {"ids": ["7"]}, "ids[0]", "UUID"),
        ("actions/retry", {"ids": []}, "ids", "1"),
        ("actions/discard", {}, "filters", '"ids"'),
        ("actions/retry", ALL | {"include": "some"}, "include", "some"),
        ("actions/retry", ALL | {"pace": "fast"}, "pace", "per hour"),
        ("actions/retry", ALL | {"pace": "101 per second"}, "pace", "100 a second"),
        ("actions/retry", ALL | {"pace": "1 in 999999999w"}, "pace", ""),
        ("actions/retry", ALL | {"note": "x" * 501}, "note", "500"),
        ("actions/retry", ALL | {"note": "\x00"}, "note", "zero"),
        ("actions/retry", [], "body", "object"),
        ("posts/retry", {"filters": {"states": ["failed"]}}, "filters.states", 'did you mean "state"'),
        ("posts/retry", {"filters": {"state": ["faild"]}}, "filters.state", 'did you mean "failed"'),
        ("posts/retry", {"filters": {"provider": f"{PROVIDER}x"}}, "filters.provider", f'did you mean "{PROVIDER}"'),
        ("posts/retry", {"filters": {"stuck_for": "long"}}, "filters.stuck_for", "15m"),
        ("posts/retry", {"ids": ["a", "\x00"]}, "ids[1]", "zero"),
        ("posts/silence", ALL, "until", "for"),
        ("posts/silence", ALL | {"for": "31d"}, "for", "30"),
    ],
)
async def test_a_wrong_key_of_the_body_is_named(
    client: httpx2.AsyncClient, path: str, body: Any, parameter: str, told: str
) -> None:
    refusal = await post(client, f"/{path}", 400, body)
    assert (refusal["parameter"], told in refusal["detail"]) == (parameter, True), refusal
    assert (await get(client, "/plans"))["items"] == []


async def test_what_chooses_nothing_is_a_409(client: httpx2.AsyncClient) -> None:
    for path, body in (("actions/retry", {"filters": {"post": "nobody"}}), ("posts/retry", {"ids": ["nobody"]})):
        refusal = await post(client, f"/{path}", 409, body)
        assert refusal["type"] == "urn:tracker:problem:nothing-chosen"
        assert (await post(client, f"/{path}?dry_run=true", 200, body))["matched"] == 0


async def test_planning_needs_a_key_that_may_operate(client: httpx2.AsyncClient, database: Database) -> None:
    made = (await post(client, "/actions/retry", 201, ALL))["plan"]["id"]
    client.headers |= await bearer(database, "read")
    assert (await get(client, f"/plans/{made}"))["state"] == "running"
    orders = [f"/{subject}/{verb}" for subject, verbs in VERBS.items() for verb in verbs]
    for path in (*orders, "/posts/retry?dry_run=true", *(f"/plans/{made}/{move}" for move in MOVES)):
        await post(client, path, 403, ALL)


@pytest.mark.parametrize("name", ["00000000-0000-0000-0000-000000000000", "7"])
async def test_what_is_not_there_or_no_id(client: httpx2.AsyncClient, name: str) -> None:
    status = 400 if name == "7" else 404
    assert (await client.get(f"/api/v1/plans/{name}")).status_code == status
    for move in MOVES:
        await post(client, f"/plans/{name}/{move}", status)


@pytest.mark.parametrize("name", ["retry", "reconcile", "silence"])
async def test_a_post_may_be_called_like_an_order(client: httpx2.AsyncClient, corridor: Corridor, name: str) -> None:
    await corridor.tell(told(name, "failed", 0))
    assert (await get(client, f"/posts/{name}"))["id"] == name
    assert (await post(client, f"/posts/{name}/reconcile", 202))["post"] == name
