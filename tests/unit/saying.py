"""How providers say things, for stories: the bodies of their webhooks and answers, as small as they can be."""

from __future__ import annotations

from typing import Any

from tests.unit.stories import Answer, Webhook, iso

Body = dict[str, Any]


def target(platform: Any, status: Any, account: str | None = None, **more: Any) -> Body:
    """An entry of a list, as Zernio and Sosyal Köprü have it; without an account it names none."""
    return {"platform": platform, "status": status} | ({"accountId": account} if account else {}) | more


def zernio(at: float, event: str, status: str, *platforms: Any, **more: Any) -> Webhook:
    """About the whole post."""
    post = {"id": "p1", "status": status, "platforms": list(platforms)} | more
    return Webhook(at, {"id": f"{event} {at}", "event": event, "timestamp": iso(at), "post": post})


def zernio_alone(at: float, status: str, platform: str, account: str | None, **more: Any) -> Webhook:
    """About one of its platforms."""
    event = f"post.platform.{status}"
    body = {"id": f"{event} {account} {at}", "event": event, "timestamp": iso(at), "post": {"id": "p1"}}
    told = {"name": platform, "status": status} | more
    return Webhook(at, body | {"platform": told, "account": {"accountId": account}})


def zernio_answer(at: float, status: str, *platforms: Any, **more: Any) -> Answer:
    return Answer(at, {"post": {"_id": "p1", "status": status, "platforms": list(platforms)} | more})


def sosyalkopru(at: float, status: str, *platforms: Any, event: str = "", when: Any = None, **more: Any) -> Webhook:
    """Called after its status; it lists nothing if nothing is listed."""
    data = {"postId": "p1", "status": status} | ({"platforms": list(platforms)} if platforms else {}) | more
    name = event or f"post.{status.lower()}"
    return Webhook(at, {"event": name, "timestamp": iso(at) if when is None else when, "data": data})


def sosyalkopru_answer(at: float, status: str, *platforms: Any) -> Answer:
    return Answer(at, {"success": True, "data": {"id": "p1", "status": status, "platforms": list(platforms)}})


def ayrshare(at: float, status: str, posted: Any = (), errors: Any = (), **more: Any) -> Webhook:
    """What became of a scheduled post."""
    told = {"action": "scheduled", "hookId": f"h{at}", "created": iso(at)[:19] + "Z", "id": "p1", "status": status}
    return Webhook(at, told | {"postIds": list(posted), "errors": list(errors)} | more)


def bundle(at: float, status: str, event: str = "post.published", when: float | None = None, **more: Any) -> Webhook:
    data = {"id": "p1", "status": status, "updatedAt": iso(at if when is None else when)} | more
    return Webhook(at, {"type": event, "data": data})


def post_for_me(at: float, status: str, *accounts: str, when: float | None = None) -> Webhook:
    """About the whole post, and the accounts to which it goes."""
    data = {"id": "p1", "status": status, "updated_at": iso(at if when is None else when)}
    told = {"event_type": "social.post.updated", "data": data | {"social_accounts": [{"id": one} for one in accounts]}}
    return Webhook(at, told)


def result(at: float, name: str | None, success: Any, account: str | None = "spc_1", **more: Any) -> Webhook:
    """One result of Post for Me, which tells no time."""
    data = {"id": name, "post_id": "p1", "social_account_id": account, "success": success} | more
    return Webhook(at, {"event_type": "social.post.result.created", "data": data})


def outstand(at: float, event: str, *accounts: Any, when: str | None = None, **more: Any) -> Webhook:
    """It tells a time only once something was published."""
    return Webhook(
        at, {"event": event, "data": {"postId": "p1", "publishedAt": when, "socialAccounts": list(accounts)} | more}
    )


def upload_post(at: float, success: Any, platform: Any = "x", **more: Any) -> Webhook:
    """The end of one platform; its time names no zone."""
    told = {"event": "upload_completed", "job_id": "p1", "platform": platform, "created_at": iso(at)[:-1]}
    return Webhook(at, told | {"result": {"success": success} | more})


def mixpost(at: float, event: str, status: str, *accounts: Any, when: str | None = None, **more: Any) -> Webhook:
    """It tells a time, in whole seconds, only once it was published."""
    data = {"uuid": "p1", "status": status, "published_at": when, "accounts": list(accounts)} | more
    return Webhook(at, {"event": f"post.{event}", "data": data})


def postiz(at: float, state: str, **more: Any) -> Webhook:
    integration = {"id": "i", "name": "me", "providerIdentifier": "x"}
    return Webhook(at, [{"id": "p1", "state": state, "integration": integration} | more])


def generic(at: float, state: str, **channels: Any) -> Webhook:
    """The provider that docs/providers.md declares as an example; its clock is that of Berlin."""
    publication = {"id": "p1", "state": state, "channels": channels}
    return Webhook(at, {"type": "publication.changed", "when": iso(at + 3600)[:19], "publication": publication})
