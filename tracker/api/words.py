"""The parameters that many addresses share, and what handlers are given."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from tracker.store.paging import MAX_LIMIT

Clock = Callable[[], datetime]

Limit = Annotated[int, QueryParameter(description="Items on one page.", ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, QueryParameter(description="The `next` of the page before.")]
ProviderName = Annotated[str | None, QueryParameter(description="The provider's name in the configuration.")]
PostId = Annotated[str, PathParameter(description="The post's id at its provider.")]
