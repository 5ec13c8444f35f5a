"""What answers over HTTP: the provider's door, the REST API, and health; `application` puts them together."""

from tracker.api.application import Parts, application

__all__ = ["Parts", "application"]
