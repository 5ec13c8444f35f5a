"""Words of other programs for what this language says otherwise, with what to write."""

from __future__ import annotations

from collections.abc import Mapping

_REMARK = "write it as a remark: # …"

KEYS: Mapping[str, str] = {
    "trigger": 'write on = "post.failed"',
    "event": 'write on = "post.failed"',
    "events": 'write on = ["post.failed", "post.partial"]',
    "actions": "write do = [{ … }]",
    "action": "write do = [{ … }]",
    "steps": "write do = [{ … }]",
    "then": "write do = [{ … }]",
    "condition": 'write when = "…"',
    "conditions": 'write when = "…"',
    "if": 'write when = "…"',
    "filter": 'write match = { … }, or when = "…"',
    "comment": _REMARK,
    "note": _REMARK,
    "name": "the name of a rule stands in its table, as in [rule.first]",
    "id": "the name of a rule stands in its table, as in [rule.first]",
    "schedule": 'write every = "weekdays 09:00 Europe/Istanbul"',
    "cron": 'write every = "weekdays 09:00 Europe/Istanbul"',
    "timezone": 'the zone stands with its time, as in every = "day 09:00 Europe/Istanbul"',
    "tz": 'the zone stands with its time, as in every = "day 09:00 Europe/Istanbul"',
    "cooldown": 'write once = "1h"',
    "rate_limit": 'write throttle = "20 per 1m", or budget = "50 per hour"',
    "vars": 'write [table.<name>] with its rows, and with = { <name> = "account" }',
    "group_by": 'write per = "account"',
    "disabled": "write enabled = false",
    "wait": 'a wait is a step: do = [{ wait = "10m" }], or { wait = "cms.acked", at_most = "10m" }',
    "alert": 'an alert is a step: do = [{ alert = "ops", title = "…" }]',
    "retry": 'a retry is a step: do = [{ retry = "publish" }]',
}
"""Of a rule."""

OF_STEPS: Mapping[str, str] = {
    "message": 'write body = "…"',
    "text": 'write body = "…"',
    "subject": 'write title = "…"',
    "description": 'write body = "…"',
    "level": 'write severity = "critical"',
    "priority": 'write severity = "critical"',
    "if": 'write when = "…"',
    "condition": 'write when = "…"',
    "mention": "whom a channel mentions is its own business",
    "who": "the channel says who is told",
    "to": 'the verb says to whom, as in alert = "ops"',
    "channel": 'the verb says to whom, as in alert = "ops"',
    "payload": "write data = { … }",
    "within": 'write at_most = "1h"',
    "timeout": 'write at_most = "1h"',
    "retries": "write tries = 3",
    "max": "write tries = 3",
    "delay": 'write backoff = "1m x2 max 30m"',
}
"""Of a step."""

VERBS: Mapping[str, str] = {
    "sleep": 'write { wait = "5m" }',
    "delay": 'write { wait = "5m" }',
    "notify": 'write { alert = "ops", title = "…" }',
    "message": 'write { alert = "ops", title = "…" }',
    "email": 'write { alert = "ops", title = "…" }',
    "slack": 'write { alert = "ops", title = "…" }',
    "webhook": 'write { send = "cms" }',
    "http": 'write { send = "cms" }',
    "post": 'write { send = "cms" }',
    "call": 'write { run = "…" } for a workflow, { send = "cms" } for another system',
    "workflow": 'write { run = "…" }',
    "label": 'write { set = { name = "text" } }',
    "refresh": 'write { reconcile = "post" }',
    "move": 'write { reschedule = "+30m" }',
    "remove": 'write { delete = "post" }',
    "unpublish": 'write { delete = "post" }',
    "publish": 'write { create = "post", platforms = ["…"] }',
}
"""Of the verb of a step."""
