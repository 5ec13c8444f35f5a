"""Rules as people write them: one for each shape of the language, each with a test of what it does."""

from __future__ import annotations

FAILURE = """
[rule.reels-retry]
on        = "post.failed"
match     = { platform = "instagram" }
when      = 'error.retryable && post.attempt < 4'
per       = "target"
cancel_on = ["post.published", "post.removed"]
do        = [{ retry = "publish", tries = 3, backoff = "1m x2 max 30m jitter 20%" }]
exhausted = [{ alert = "ops", title = "{{ post.id }}: gave up after {{ run.tries }} tries: {{ error.message }}" }]

[[test]]
rule     = "reels-retry"
given    = { post = "p1", platform = "instagram" }
timeline = '''
0s     >  post.failed   error.code=timeout error.retryable=true
1m     <  retry
2m     >  @restart
2m     >  post.published
1h     !  retry
'''
"""

LASTING = """
[rule.hangs]
while = { state = "publishing" }
for   = "15m"
do    = [{ alert = "ops", title = "{{ post.id }} has been publishing for {{ run.held }}", resolves = true }]

[[test]]
rule     = "hangs"
timeline = '''
0s     >  post.publishing
15m    <  alert ops   title="p1 has been publishing for 15m"
20m    >  post.published
20m    <  alert ops   resolved=true
'''
"""

ABSENCE = """
[rule.no-start]
expect = "post.publishing"
within = "10m"
of     = "post.scheduled_at"
do     = [{ reconcile = "post" }, { alert = "oncall", title = "{{ post.id }} never started" }]

[[test]]
rule     = "no-start"
timeline = '''
0s     >  post.scheduled   scheduled_at=1h
1h10m  <  reconcile
1h10m  <  alert oncall     title="p1 never started"
'''
"""

BURST = """
[rule.again]
on = "post.failed"
do = [{ retry = "publish" }]

[rule.storm]
on    = "post.failed"
per   = "account"
count = "> 5 in 10m"
once  = "1h"
do    = [
  { alert = "ops", title = "{{ run.count }} failures on {{ account.id }} in 10 minutes", group = true },
  { pause = "again", for = "30m" },
]

[[test]]
rule     = "storm"
given    = { platform = "instagram", account = "brand" }
timeline = '''
0s     >  post.failed  post=p1
1m     >  post.failed  post=p2
2m     >  post.failed  post=p3
3m     >  post.failed  post=p4
4m     >  post.failed  post=p5
4m     !  alert
5m     >  post.failed  post=p6
6m     <  alert ops    title="6 failures on brand in 10 minutes"
6m     >  post.failed  post=p7
1h     !  alert
'''
"""

WORKFLOW = """
[rule.tell-cms]
on = "post.published"
do = [
  { send = "cms", event = "post.published" },
  { wait = "cms.acked", at_most = "24h", else = "escalate" },
]
[rule.tell-cms.branch]
escalate = [{ alert = "web", title = "the CMS never confirmed {{ post.id }}" }]

[[test]]
rule     = "tell-cms"
name     = "nobody is told when the CMS confirms"
timeline = '''
0s     >  post.published
0s     <  send cms      event=post.published
5m     >  @restart
6m     >  cms.acked
2d     !  alert
'''

[[test]]
rule     = "tell-cms"
name     = "somebody is told when it does not"
timeline = '''
0s     >  post.published
0s     <  send cms
24h    <  alert web     title="the CMS never confirmed p1"
'''
"""

CLOCK = """
[rule.digest]
every = "weekdays 09:00 Europe/Istanbul"
over  = { events = ["post.published", "post.failed"], since = "last-run" }
empty = "skip"
do    = [{ send = "team", template = "digest.md.j2" }]
"""

DIGEST = """\
{{ run.count }} posts since {{ run.since }}
{% for item in run.items %}
- {{ item.post_id }}: {{ item.event }}{% if item.error_message %} ({{ item.error_message }}){% endif %}

{% endfor %}
"""

EVERYTHING = """
[rule.everything]
on        = ["post.failed", "publishing -> partial", "account.*"]
match     = { platform = ["instagram", "face*"], provider = "sosyalkopru" }
when      = 'error.code != "spam" && post.labels.size() == 0'
per       = "target"
count     = ">= 2 in 1h"
once      = "30m"
mode      = "queued"
cancel_on = "post.removed"
quiet     = "22:00-08:00 Europe/Istanbul"
mutes     = ["silent"]
canary    = "1d"
budget    = "50 per hour"
severity  = "critical"
enabled   = true
do        = [
  { set = { stage = "failing", owner = "" } },
  { reconcile = "post" },
  { pause = "silent", for = "1h" },
  { retry = "publish", tries = 2, backoff = "5m" },
  { resume = "silent" },
  { run = "page" },
  { send = "cms", event = "failed.{{ post.id }}", data = { id = "{{ post.id }}" }, body = "x" },
]
exhausted = [{ alert = "ops", title = "x", body = "y", severity = "info", repeat = "4h", group = "5m" }]
resolved  = [{ send = "cms", event = "mended" }]

[rule.silent]
on = "post.failed"
do = [{ alert = "ops", title = "x" }]

[workflow.page]
do = [
  { alert = "oncall", title = "{{ post.id }}" },
  { wait = ["oncall.seen", "post.published"], at_most = "15m", else = "louder" },
]
[workflow.page.branch]
louder = [{ alert = "boss", title = "{{ post.id }}" }]
"""

STILL_OPEN = """
[rule.still-open]
every = "weekdays 09:00 Europe/Istanbul"
over  = { state = ["failed", "awaiting_approval"], older = "1d" }
when  = 'run.count > 1 && error.code != "spam"'
do    = [{ alert = "ops", title = "{{ run.count }} wait: {{ run.items.map(i, i.post_id) }}" }]

[rule.due-tomorrow]
every = "day 18:00 Europe/Istanbul"
over  = { due = "1d" }
empty = "skip"
do    = [{ alert = "ops", title = "{{ run.items.map(i, i.post_id) }} {{ at(run.items[0].at, 'UTC', '%H:%M') }}" }]

[rule.which-targets]
every = "1h"
over  = { state = "failed" }
per   = "target"
match = { platform = "x" }
empty = "skip"
do    = [{ alert = "ops", title = "{{ run.count }}: {{ run.items.map(i, i.platforms) }}" }]

[[test]]
rule     = "still-open"
name     = "what was put right meanwhile, is spam, or has only just failed is not in the list"
starts   = "2026-01-05 09:00 Europe/Istanbul"
timeline = '''
1h      >  post.failed             post=p1
2h      >  post.awaiting_approval  post=p2
3h      >  post.failed             post=p3
4h      >  post.failed             post=p4 error.code=spam
5h      >  post.published          post=p3
1d      !  alert
1d10h   >  post.failed             post=p5
2d      <  alert ops               title="2 wait: p1, p2"
2d1h    >  post.published          post=p1
3d      <  alert ops               title="2 wait: p2, p5"
3d1h    >  post.published          post=p5
4d      !  alert
'''

[[test]]
rule     = "due-tomorrow"
starts   = "2026-01-05 09:00 Europe/Istanbul"
timeline = '''
0s      >  post.scheduled     post=p1 scheduled_at=1d
0s      >  post.scheduled     post=p2 scheduled_at=3d
0s      >  post.draft         post=p3 scheduled_at=10h
0s      >  post.failed        post=p4 scheduled_at=10h
9h      <  alert ops          title="p3, p1 16:00"
1d9h    !  alert
'''

[[test]]
rule     = "which-targets"
timeline = '''
1m      >  post.failed     platform=x post=p1
1m      >  post.published  platform=instagram post=p1
2m      >  post.failed     platform=instagram post=p2
1h      <  alert ops       title="1: x"
'''
"""

EXAMPLES = {
    "a failure": FAILURE,
    "what lasts": LASTING,
    "what does not happen": ABSENCE,
    "a burst": BURST,
    "a workflow": WORKFLOW,
    "the clock": CLOCK,
    "how posts stand": STILL_OPEN,
    "everything at once": EVERYTHING,
}
