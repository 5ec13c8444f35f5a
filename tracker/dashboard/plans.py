"""Orders about many: what would come of one, asked before it is given; and plans, how far they are, rest and end."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from litestar import Response, get, post
from litestar.params import PathParameter
from litestar.response import Redirect

from tracker.act.plans import give_order
from tracker.dashboard.query import POST_FILTERS, SEVERAL, Query, address, parse_id
from tracker.dashboard.session import ON_A_PAGE, Db, Here, Id, Now, ProviderNames
from tracker.domain.plans import STATES, VERBS, Order
from tracker.errors import BadParameter, NotFound
from tracker.facts.commands import end_of_silence
from tracker.facts.planning import bring_plan
from tracker.parameters import parse_choice, parse_zone_of
from tracker.queries.plans import COUNTED, list_plans, one_plan, parse_order

PACES = ("10 in 1s", "1 in 1s", "10 in 1m", "60 in 1h")
Move = Annotated[str, PathParameter()]
MOVES = {"pause": "paused", "resume": "running", "cancel": "cancelled"}
FILTERS = {"posts": POST_FILTERS, "actions": ("target", "rule", "reason", "since", "until")}
BY_HAND = "by_hand"
"""The reason of silences, as a word of ours, where none was given."""


@get("/plans")
async def show_plans(visit: Here, database: Db, now: Now) -> Response[Any]:
    """The newest first."""
    asked = Query(visit.request.query_params)
    states = asked.words("state", STATES)
    async with database.connection() as conn:
        page = await list_plans(conn, states, now, asked.cursor, ON_A_PAGE)
    return visit.list_page(
        "plans", "/plans", page.next, {"state": states}, plans=page.items, chosen=states, states=STATES
    )


@get("/plans/new")
async def show_order(visit: Here, database: Db, now: Now, provider_names: ProviderNames) -> Response[Any]:
    """What would come of an order about those that were ticked, or about all that fit the filters of their list."""
    visit.must_operate()
    asked = Query(visit.request.query_params)
    order = _order(asked)
    async with database.transaction(unhurried=True) as conn:
        tried = await give_order(conn, order, "", now, provider_names, dry_run=True)
    given = _given(asked, order)
    return visit.page(
        "order", order=order, tried=tried, given=given, paces=PACES, counted=COUNTED,
        others=None if order.include_all else address("/plans/new", **given | {"include": "all"}),
        back=address(f"/{order.subject}", **{name: value for name, value in given.items() if name in order.filters}),
    )  # fmt: skip


@post("/plans")
async def make_plan(visit: Here, database: Db, now: Now, provider_names: ProviderNames) -> Response[Any]:
    """The order is given, and its plan shown."""
    by, form = visit.must_operate().name, Query(await visit.request.form())
    ends = form.text("ends")  # `until` is a filter
    end = end_of_silence(ends, None, now, parse_zone_of("zone", form.text("zone"))) if ends else None
    order = _order(form, pace=form.text("pace"), note=form.text("note") or (BY_HAND if ends else ""), until=end)
    if order.verb == "silence" and end is None:
        raise BadParameter("ends", "a silence has an end")
    async with database.transaction(unhurried=True) as conn:
        plan = (await give_order(conn, order, by, now, provider_names, dry_run=False)).plan
    return Redirect(f"/plans/{plan.id}" if plan else "/plans", status_code=303)


@get("/plans/{plan:uuid}")
async def show_plan(visit: Here, database: Db, now: Now, plan: Id) -> Response[Any]:
    """How far it is, and what has become of its orders."""
    async with database.connection() as conn:
        return visit.page("plan", plan=await one_plan(conn, plan, now))


@post("/plans/{plan:uuid}/{move:str}")
async def move_plan(visit: Here, database: Db, now: Now, plan: Id, move: Move) -> Response[Any]:
    """Let it rest, let it go on, or end it."""
    if move not in MOVES:
        raise NotFound(f"a plan cannot be moved by {move}")
    return await visit.does(f"plan_{move}", database, lambda conn, by: bring_plan(conn, plan, MOVES[move], by, now))


def _order(asked: Query, **how: Any) -> Order:
    """Those that were ticked alone, where any were: the list may have moved on since."""
    subject = parse_choice("about", asked.text("about") or "", VERBS)
    verb = parse_choice("order", asked.text("order") or "", VERBS[subject])
    filters: dict[str, Any] = {}
    if ticked := asked.query.getall("id", []):
        filters["ids"] = [_post(one) if subject == "posts" else parse_id("id", one) for one in ticked]
    else:
        for name in ("state", *(SEVERAL if subject == "posts" else ())):
            filters[name] = [text for text in asked.query.getall(name, []) if text]
        filters |= {name: asked.text(name) for name in FILTERS[subject]}
    everything = asked.text("include") == "all"
    filters = {name: value for name, value in filters.items() if value}
    return parse_order(subject, verb, filters, include_all=everything, **how)


def _given(asked: Query, order: Order) -> dict[str, object]:
    """The order as it stands in an address, and in the fields of a form."""
    filters = {name: value for name, value in order.filters.items() if name != "ids"}
    ticked = asked.query.getall("id", [])
    return {"about": order.subject, "order": order.verb, "include": asked.text("include"), "id": ticked, **filters}


def _post(ticked: str) -> tuple[str, str]:
    """A post, by its provider and its id, each escaped."""
    provider, _, one = ticked.partition("/")
    return unquote(provider), unquote(one)
