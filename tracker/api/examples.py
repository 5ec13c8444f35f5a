"""Examples for the description of the API; a test holds them to the shapes that they are examples of."""

from typing import Any

AT, LATER = "2026-11-30T09:00:02.418Z", "2026-11-30T09:00:07.030Z"
ACTION, AGAIN = "0c0a9c3e-6f0c-5a0b-9d53-0f4bb1f0f6a1", "b7f35f0e-1c1a-5a39-8d4c-1d2c4f1e7a52"
RUN, PLAN = "5b8f7f3e-8a52-4c37-9f7e-2f9f0f6d1c11", "3f1f0a3c-4d0b-4f7e-9b1a-6a2b7c8d9e10"
SILENCE, ROUND = "8d1c2b3a-77f0-4a52-8a0e-1f2e3d4c5b6a", "c1d6f0e2-3b4a-4c5d-8e9f-0a1b2c3d4e5f"
RULE_TEXT = """[rule.told]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]
"""

OF_PARAMETERS: dict[Any, Any] = {
    "limit": 50, "cursor": "WyItbGFzdF9ldmVudF9hdCIsWyIyMDI2LTExLTMwVDA5OjAwOjAyWiIsInNvc3lhbGtvcHJ1IiwicDEiXV0",
    "id": ACTION, "provider": "sosyalkopru", "post": "post_81", "rule": "instagram-retry",
    "since": "2026-11-29T00:00:00Z", "until": "2026-11-30T00:00:00Z", "as_of": "2026-11-29T12:00:00Z",
    "type": "post.failed", "source": "sosyalkopru", "platform": "instagram", "account": "acc_7", "stuck_for": "15m",
    "q": "timeout", "after": 4711, "position": 4712, "verb": "send", "target": "cms", "reason": "timeout",
    "plan": PLAN, "raw": True, "dry_run": True, "enabled": True, "authentic": True, "name": "cms.acked",
    "Last-Event-ID": "1.90321.4-2.90321.4712", ("list_accounts", "state"): ["expired", "disconnected"],
    "from": "2026-11-30", "to": "2026-12-07", "zone": "Europe/Istanbul",
    "span": "7d", ("figures", "group"): "account", ("one_account", "id"): "acc_7",
    "scheduled_from": "today", "scheduled_to": "2026-12-07", "error": "auth_expired", "group": ["error", "platform"],
    **{
        (operation, name): example
        for operation in ("list_posts", "calendar", "calendar_feed")
        for name, example in (
            ("label", ["owner:Ada"]), ("attribute", ["campaign:spring"]), ("state", ["failed", "partial"]),
        )
    },
    ("list_posts", "sort"): "-last_event_at", ("list_events", "sort"): "-position", ("list_actions", "state"): ["dead"],
    ("list_runs", "state"): ["active"], ("list_silences", "state"): ["active"], ("list_quarantine", "state"): ["held"],
    ("list_plans", "state"): ["running"], ("list_reconciliations", "state"): ["done"],
    ("post_history", "sort"): "at", ("list_drifts", "state"): ["open"], ("list_quarantine", "reason"): "not_json",
}  # fmt: skip
"""By the name of the parameter, or by (operation, name) where that is not enough."""

_IDS = {
    "post_81": ("one_post", "post_history", "post_why", "retry_post", "reconcile_post"),
    "instagram-retry": ("one_rule", "enable_rule", "disable_rule"),
    RUN: ("one_run", "cancel_run", "acknowledge_run"),
    SILENCE: ("one_silence", "end_silence"),
    PLAN: ("one_plan", "pause_plan", "resume_plan", "cancel_plan"),
    ROUND: ("one_reconciliation",),
    "endpoint-5d1f0a2b3c4e": ("one_endpoint", "delete_endpoint", "try_endpoint"),
    7: ("one_of_quarantine", "replay_held", "discard_held"),
}
OF_PARAMETERS |= {(operation, "id"): name for name, known in _IDS.items() for operation in known}

OF_BODIES = {
    "retry_posts": {"filters": {"platform": "instagram", "since": "24h"}, "pace": "60 per minute"},
    "reconcile_posts": {"filters": {"stuck_for": "15m"}},
    "silence_posts": {"ids": ["post_81"], "for": "2h", "note": "we know of it"},
    "retry_actions": {"filters": {"target": "cms", "since": "2026-11-29T00:00:00Z"}, "note": "the CMS was down"},
    "discard_actions": {"ids": [ACTION]},
    "redeliver_actions": {"filters": {"state": ["done", "dead"], "target": "cms"}, "pace": "600 in 1h"},
    "backtest": {"text": RULE_TEXT, "since": "30d", "until": None},
    "create_silence": {"match": {"platform": "instagram"}, "reason": "Instagram maintenance", "for": "2h"},
    "create_reconciliation": {"provider": "sosyalkopru", "since": "24h"},
    "create_endpoint": {
        "url": "https://cms.example.com/hooks/posts",
        "events": ["post.published", "post.failed"],
        "filter": {"platform": ["instagram", "x"]},
        "description": "the CMS of the shop",
    },
    "signal": {"post": "post_81", "id": "ack-81", "data": {"editor": "Ada"}},
}
"""By operation."""

OF_PROBLEMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "400": (
        "bad-parameter",
        '"publshed" is not a state (did you mean "published"?)',
        {"parameter": "state"},
    ),
    "401": ("no-key", "send a key: Authorization: Bearer <key> (`tracker keys create` makes one)", {}),
    "403": ("scope", 'this needs a key with the scope "operate"; "grafana" has: read', {}),
    "404": ("not-found", 'there is no post "post_82"', {}),
    "409": ("not-ended", f"action {ACTION} is claimed: only dead, unknown or discarded ones are retried", {}),
    "413": ("request-entity-too-large", "the body may have 65536 bytes at most", {}),
    "422": (
        "rules-refused",
        'rule.told.on: "post.faild" is not a state (did you mean "post.failed"?)',
        {
            "faults": [
                {
                    "file": "<text>", "line": 2, "column": 6, "key": "rule.told.on",
                    "message": '"post.faild" is not a state (did you mean "post.failed"?)', "hint": "post.failed",
                }
            ]
        },
    ),
    "429": ("too-often", "too many keys that do not fit came from your address", {}),
    "503": ("unavailable", "the database is away: the connection was refused", {}),
}  # fmt: skip
"""By status: the kind, the detail, and what else such a problem tells."""

ERROR = {"code": "timeout", "message": "the platform did not answer", "retryable": True}

POST = {
    "id": "post_81", "provider": "sosyalkopru", "state": "partial", "attempt": 1, "version": 4,
    "targets": [
        {
            "key": "instagram:acc_7", "platform": "instagram", "account": "acc_7", "ordinal": 1, "state": "failed",
            "attempt": 1, "entered_at": AT, "url": None, "error": ERROR, "item": None, "times": 1,
        },
        {
            "key": "x:acc_9", "platform": "x", "account": "acc_9", "ordinal": 1, "state": "published", "attempt": 1,
            "entered_at": AT, "url": "https://x.com/example/status/81", "error": None, "item": None, "times": 1,
        },
    ],
    "entered_at": AT, "scheduled_at": "2026-11-30T09:00:00Z", "published_at": None, "failed_at": None,
    "last_event_at": AT, "error": ERROR, "urls": ["https://x.com/example/status/81"],
    "excerpt": "The spring collection is here.", "thumbnail": "https://cdn.example.com/spring-1.jpg",
    "attributes": {"author": "Ada", "campaign": "spring"}, "labels": {}, "times": 1,
}  # fmt: skip

DAY = {
    "day": "2026-11-30", "begins_at": "2026-11-29T21:00:00Z", "ends_at": "2026-11-30T21:00:00Z", "number": 1,
    "posts": [POST | {"at": AT}],
}  # fmt: skip

ACCOUNT = {
    "provider": "sosyalkopru", "account": "acc_7", "platform": "instagram", "name": "Ada's shop", "state": "expired",
    "since": AT, "last_event": "account.token_expired", "last_event_at": AT,
}  # fmt: skip

ENDS = {
    "published": 812, "partly": 3, "failed": 14, "rate": 0.0205, "median_delay": 2.4, "missed_by_webhook": 1,
}  # fmt: skip

FIGURE = {
    "provider": "sosyalkopru", "platform": "instagram", "account": "acc_7", "name": "Ada's shop", "error": None,
    "attribute": None, "now": ENDS, "before": ENDS,
}  # fmt: skip

FIGURES = {
    "by": "account", "since": "2026-11-23T09:00:00Z", "until": "2026-11-30T09:00:00Z",
    "before_since": "2026-11-16T09:00:00Z", "now": ENDS, "before": ENDS,
    "pace": [{"begins_at": "2026-11-23T09:00:00Z", "published": 812, "partly": 3, "failed": 14}], "items": [FIGURE],
    "one_in": 1,
}  # fmt: skip

EVENT = {
    "position": 4712, "type": "post.failed", "source": "sosyalkopru", "provider": "sosyalkopru", "post": "post_81",
    "part": 0, "delivery": "whd_2f8a", "occurred_at": AT, "received_at": LATER, "conflict": False, "repeats": 1,
    "raw": None,
}  # fmt: skip

DEAD = {
    "id": ACTION, "verb": "send", "target": "cms", "state": "dead", "hidden_by": None, "reason": "http_5xx",
    "rule": "cms-sync", "run": RUN, "provider": "sosyalkopru", "post": "post_81", "idempotency_key": f"{RUN}:0:1",
    "attempts": 8, "due_at": LATER, "created_at": AT, "finished_at": "2026-11-30T11:41:12.950Z", "redelivers": None,
}  # fmt: skip

PLANNED = {
    "id": PLAN, "state": "running", "subject": "actions", "verb": "retry", "filters": {"target": "cms"},
    "include_all": False, "until": None, "pace": "10 in 1s", "note": "the CMS was down over night", "by": "ops",
    "created_at": "2026-11-30T12:00:00Z", "changed_at": "2026-11-30T12:00:00Z", "total": 1200, "ordered": 310,
    "skipped": {"under_way": 2}, "left": 888, "ends_at": "2026-11-30T12:02:00Z",
}  # fmt: skip

NEWS = {
    "at": AT, "key": "state 4712", "what": "state", "provider": "sosyalkopru", "post": "post_81",
    "said": "publishing → failed",
}  # fmt: skip

OF_SCHEMAS: dict[str, dict[str, Any]] = {
    "Cause": {
        "error": "auth_expired", "platform": "instagram", "account": "acc_7", "provider": None, "posts": 3,
        "message": "sign in again", "pace": [0] * 23 + [3],
    },
    "KnownAccount": ACCOUNT,
    "Figure": FIGURE,
    "Figures": FIGURES,
    "OneAccount": ACCOUNT | {"figures": FIGURES | {"items": []}},
    "KnownAccountPage": {"items": [ACCOUNT], "next": None},
    "Post": POST,
    "PostPage": {"items": [POST], "next": None},
    "CalendarPost": POST | {"at": AT},
    "Day": DAY,
    "DayPage": {"items": [DAY], "next": None},
    "OnePost": POST
    | {
        "notes": [],
        "pending": [
            {
                "what": "retry", "says": "instagram-retry retries: try 2 of 3", "due_at": LATER,
                "rule": "instagram-retry", "verb": None, "target": "instagram:acc_7", "run": RUN, "action": None,
                "unacknowledged": False,
            }
        ],
    },
    "Event": EVENT,
    "EventPage": {"items": [EVENT], "next": OF_PARAMETERS["cursor"]},
    "OneEvent": EVENT | {"repeated": [{"delivery": "whd_2f8b", "same": "body", "received_at": LATER}]},
    "Streamed": {
        "position": 4712, "type": "post.failed", "source": "sosyalkopru", "provider": "sosyalkopru",
        "post": "post_81", "kind": "moved", "before": "publishing", "after": "partial", "attempt": 1,
        "occurred_at": AT, "received_at": LATER,
        "moves": [
            {
                "target": "instagram:acc_7", "before": "publishing", "after": "failed", "attempt": 1,
                "occurred_at": AT, "error": ERROR, "again": False,
            }
        ],
    },
    "News": NEWS,
    "NewsPage": {"items": [NEWS], "next": None},
    "Action": DEAD,
    "ActionPage": {"items": [DEAD], "next": None},
    "OneAction": DEAD
    | {
        "payload": {"event": "post.published", "data": {"post": {"id": "post_81"}}},
        "history": [
            {
                "attempt": 8, "started_at": LATER, "finished_at": LATER, "outcome": "retry", "reason": "http_5xx",
                "latency_ms": 84, "request": {"method": "POST", "url": "https://cms.example.com/hooks/posts"},
                "response": {"status": 502},
            }
        ],
    },
    "Plan": PLANNED,
    "OnePlan": PLANNED | {"outcomes": {"done": 299, "dead": 2, "pending": 9}, "failed": 2},
    "PlanPage": {"items": [PLANNED], "next": None},
    "Planned": {"plan": PLANNED, "matched": 1200, "exact": True, "orders": 1198, "skipped": {"under_way": 2}},
}  # fmt: skip
"""By the name of the schema."""
