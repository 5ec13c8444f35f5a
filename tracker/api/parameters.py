"""The parameters that many addresses share, and the clock that handlers are given."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from tracker.queries.paging import MAX_LIMIT

Clock = Callable[[], datetime]

LARGEST_NUMBER = 2**63 - 1

Limit = Annotated[int, QueryParameter(description="Items on one page.", ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, QueryParameter(description="The `next` of the page before.")]
ProviderName = Annotated[str | None, QueryParameter(description="The provider's name in the configuration.")]
DryRun = Annotated[bool, QueryParameter(description="Only say what would become of it.")]
Raw = Annotated[bool, QueryParameter(description="With headers and body as they were signed (admin).")]
PostId = Annotated[
    str, PathParameter(description="The post's id at its provider, escaped: a slash in it is written %2F.")
]
