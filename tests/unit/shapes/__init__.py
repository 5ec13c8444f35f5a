"""What each kind of provider sends, written from its documentation, and what is to be understood of it.

A file for each kind; every one of CASES that it does not write is not to be had from it, for a reason that it gives.
"""

from tests.unit.shapes import (
    ayrshare,
    bundle_social,
    generic,
    mixpost,
    outstand,
    post_for_me,
    postiz,
    sosyalkopru,
    upload_post,
    zernio,
)
from tests.unit.shapes.case import ARRIVAL, CASES, Case, Told
from tests.unit.shapes.described import DESCRIBED
from tests.unit.shapes.polled import POLLED

SHAPES: dict[str, dict[str, Case | str]] = {
    "sosyalkopru": sosyalkopru.CASES,
    "zernio": zernio.CASES,
    "ayrshare": ayrshare.CASES,
    "bundle_social": bundle_social.CASES,
    "post_for_me": post_for_me.CASES,
    "outstand": outstand.CASES,
    "upload_post": upload_post.CASES,
    "mixpost": mixpost.CASES,
    "postiz": postiz.CASES,
    "generic": generic.CASES,
    **POLLED,
}
SHAPES = {kind: cases | DESCRIBED.get(kind, {}) for kind, cases in SHAPES.items()}

__all__ = ["ARRIVAL", "CASES", "SHAPES", "Case", "Told"]
