"""What a typed call of somebody's API came to: a value, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from tracker.domain.actions import Exchange, Reason

if TYPE_CHECKING:
    from datetime import datetime, timedelta

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Reply(Generic[T_co]):
    """`value` is None when the call failed for `reason`; `sent`: the other side may have acted all the same.

    `status` is the HTTP status, where one came; `answered_at` the other side's clock in its answer, in whole seconds.
    """

    value: T_co | None
    reason: Reason = Reason.OK
    detail: str = ""
    sent: bool = False
    status: int | None = None
    retry_after: timedelta | None = None
    answered_at: datetime | None = None
    exchange: Exchange = field(default_factory=Exchange)
