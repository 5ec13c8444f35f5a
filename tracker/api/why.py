"""Why: what each rule made of a post, or why it did nothing."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from tracker.api.parameters import Clock, PostId, ProviderName
from tracker.api.responses import ONE
from tracker.errors import NotFound, did_you_mean
from tracker.parameters import refuse_zero_bytes
from tracker.queries.paging import Page
from tracker.queries.posts import find_post
from tracker.queries.why import why
from tracker.queries.why_views import AnswerOut, answer_out
from tracker.rulebook.source import RuleSource
from tracker.store.database import Database

OneRule = Annotated[str | None, QueryParameter(name="rule", description="Only this rule.")]


@get("/posts/{id:str}/why", responses=ONE, summary="Why a rule fired for a post, and why another did not")
async def post_why(
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
    id: PostId,
    provider: ProviderName = None,
    only: OneRule = None,
) -> Page[AnswerOut]:
    """What fired comes first, then what came closest: the first clause that was false, with the values it met."""
    refuse_zero_bytes(rule=only)
    async with database.connection() as conn:
        post = (await find_post(conn, id, provider)).post
        found = await why(conn, post, rules.rules(), clock(), only)
    if only and not found:
        known = [rule.id for rule in rules.rules()]
        raise NotFound(f'there is no rule "{only}"{did_you_mean(only, known)}')
    return Page([answer_out(answer) for answer in found], None)
