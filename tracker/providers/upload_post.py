"""Upload-Post: one webhook for each platform, whether it went well or not; the post is the job.

Answers name no account, so none is read from webhooks either: a job goes to one profile, which has one account on each
platform.
"""

from __future__ import annotations

from datetime import timedelta

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import assumed, documented
from tracker.providers.signature import Scheme
from tracker.providers.spec import ProviderSpec

PLACES = {
    "event": documented("event"),
    "occurred_at": documented("created_at"),
    "post": documented("job_id"),
    "targets": documented("$"),
    "target_platform": documented("platform"),
    "target_status": documented("result.success"),
    "target_url": documented("result.url"),
    "target_error_message": documented("result.error"),
    "account": assumed("account_id|account_name"),
    "account_platform": assumed("platform"),
    "account_name": assumed("account_name"),
}

ANSWERS = {
    "post": documented("job_id"),
    "updated_at": documented("last_update"),
    "status": documented("status"),
    "targets": documented("results"),
    "target_platform": documented("platform"),
    "target_status": documented("status|success"),
    "target_url": assumed("post_url|url"),
    "target_error_message": assumed("error_message|error"),
    "error_message": assumed("error_message|error"),
}

STATUSES = {
    "pending": State.SCHEDULED,
    "queued": State.SCHEDULED,
    "processing": State.PUBLISHING,
    "in_progress": State.PUBLISHING,
    "completed": State.PUBLISHED,
    "failed": State.FAILED,
    "true": State.PUBLISHED,
    "false": State.FAILED,
}

KIND = ProviderSpec(
    name="upload_post",
    title="Upload-Post",
    scheme=Scheme(
        headers=("x-upload-post-signature",),
        prefix="sha256=",
        signed="{timestamp}.{body}",
        timestamp_header="x-upload-post-timestamp",
        tolerance=timedelta(minutes=5),
        optional=True,
    ),
    doubts="all of it: older documentation shows no signature",
    delivery=assumed("x-upload-post-delivery"),
    about_posts=("upload_",),
    places=PLACES,
    form="one",
    answers=ANSWERS,
    lists=documented("part"),
    ends=("upload_completed",),
    documented_statuses=STATUSES,
    documented_account_states={
        "social_account_connected": AccountState.CONNECTED,
        "social_account_reauth_required": AccountState.EXPIRED,
        "social_account_disconnected": AccountState.DISCONNECTED,
    },
    calls={
        "get": Call("GET /uploadposts/status?job_id={post}", documented=True),
        "retry": Call('POST /uploadposts/posts/retry {"job_id": "{post}"}', documented=True),
    },
    auth=documented("Authorization: Apikey {key}"),
)
