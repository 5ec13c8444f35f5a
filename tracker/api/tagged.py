"""Answers that say whether anything has changed since they were given last."""

from hashlib import sha256
from typing import Any

from litestar import Request, Response
from litestar.response.base import ASGIResponse


class Tagged(Response[Any]):
    """Carries an ETag; a client that says that it has that very answer gets a 304."""

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        """The answer as it is sent."""
        answer = super().to_asgi_response(app, request, **options)
        tag = f'"{sha256(answer.body).hexdigest()[:32]}"'
        if _matches(request.headers.get("if-none-match", ""), tag):
            return ASGIResponse(status_code=304, headers={"etag": tag})
        answer.headers.add("etag", tag)
        answer.headers.add("cache-control", "no-cache")
        return answer


def _matches(header: str, tag: str) -> bool:
    given = {part.strip().removeprefix("W/") for part in header.split(",")}
    return tag in given or "*" in given
