"""Any other provider: nothing is known, and everything is declared in [providers.<name>]."""

from __future__ import annotations

from tracker.providers.spec import ProviderSpec

KIND = ProviderSpec(name="generic", title="any other", scheme=None)
