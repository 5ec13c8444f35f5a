"""What a fault is: something that is entered and left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from tests.acceptance.chaos.plan import Step
from tests.acceptance.chaos.scenes import Scene

Fault: TypeAlias = Callable[[Scene, Step], AbstractAsyncContextManager[None]]


class Missed(Exception):
    """It did not happen: there was nothing to hurt at that moment."""
