"""What the API takes for a redelivery."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from tracker.store.actions.redeliveries import ENDED

Word = Annotated[str, Meta(min_length=1, max_length=200)]


class ChosenBy(Struct, frozen=True, forbid_unknown_fields=True):
    """Which actions: all of it must hold."""

    states: Annotated[
        list[str],
        Meta(description=f"Some of {', '.join(ENDED)}.", min_length=1, max_length=len(ENDED), examples=[["dead"]]),
    ] = field(default_factory=lambda: ["dead"])
    verb: Annotated[Word | None, Meta(description="alert, send, retry or reconcile.")] = None
    target: Annotated[Word | None, Meta(description="A channel, an endpoint or a provider.")] = None
    rule: Annotated[Word | None, Meta(description="The rule that asked for it.")] = None
    provider: Annotated[Word | None, Meta(description="The provider's name in the configuration.")] = None
    post: Annotated[Word | None, Meta(description="The post's id.")] = None
    reason: Annotated[Word | None, Meta(description="Why its last attempt ended as it did, as in timeout.")] = None
    since: Annotated[str | None, Meta(description="Asked for at this time or later.")] = None
    until: Annotated[str | None, Meta(description="Asked for before this time.")] = None


class NewRedelivery(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do once more, and how."""

    filters: ChosenBy = field(default_factory=ChosenBy)
    idempotency: Annotated[
        Literal["same", "fresh"],
        Meta(
            description="same: the same actions, under the ids that they had, so that whoever has a message already can"
            " tell. fresh: new actions that say the same under new ids. A retry asks the provider first in any case."
        ),
    ] = "same"
    rate: Annotated[str, Meta(description="How fast, as in `10 per second` or `600 in 1h`; 100 a second at most.")] = (
        "10 per second"
    )
    note: Annotated[str, Meta(description="Why, for whoever looks at it later.", max_length=500)] = ""
