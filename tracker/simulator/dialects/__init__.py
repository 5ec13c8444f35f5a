"""How each kind of provider speaks, from its documentation and from what implementers have seen.

Written without a look at tracker/providers, so that what these say is evidence for what those understand. The API
of the simulator is Sosyal Köprü's for all of them.
"""

from tracker.simulator.dialects.ayrshare import AYRSHARE
from tracker.simulator.dialects.bundle_social import BUNDLE_SOCIAL
from tracker.simulator.dialects.dialect import Dialect, Happened, WebhookBody
from tracker.simulator.dialects.mixpost import MIXPOST
from tracker.simulator.dialects.outstand import OUTSTAND
from tracker.simulator.dialects.post_for_me import POST_FOR_ME
from tracker.simulator.dialects.postiz import POSTIZ
from tracker.simulator.dialects.sosyalkopru import SOSYALKOPRU
from tracker.simulator.dialects.upload_post import UPLOAD_POST
from tracker.simulator.dialects.zernio import ZERNIO

DIALECTS = {
    dialect.name: dialect
    for dialect in (
        SOSYALKOPRU,
        ZERNIO,
        AYRSHARE,
        BUNDLE_SOCIAL,
        POST_FOR_ME,
        OUTSTAND,
        UPLOAD_POST,
        MIXPOST,
        POSTIZ,
    )
}

__all__ = ["DIALECTS", "Dialect", "Happened", "WebhookBody"]
