"""What rules have changed at a provider: only what that has a call for, which the configuration may declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tracker.providers.rule_files import read_text
from tracker.settings import Settings

STEPS = {
    "cancel": '{ cancel = "post" }',
    "reschedule": '{ reschedule = "-1h" }',
    "delete": '{ delete = "post" }',
    "create": '{ create = "post", platforms = ["bluesky"], text = "x" }',
    "copy": '{ create = "post", platforms = ["bluesky"] }',
}
NOTHING: dict[str, Any] = {}
BUILT_IN: dict[str, set[str]] = {
    "sosyalkopru": {"create"},
    "zernio": {"cancel", "reschedule"},
    "ayrshare": {"reschedule", "delete"},
    "mixpost": set(),
}


def faults(step: str, more: str = "", **providers: dict[str, Any]) -> list[str]:
    sections = {
        name: {"kind": name, "api_url": "https://x.example", "webhook_secrets": ["whsec_1"]} | section
        for name, section in providers.items()
    }
    settings = Settings.model_validate({"providers": sections})
    rule = f'[rule.r]\non = "post.failed"\n{more}\ndo = [{step}]\n'
    return [str(fault) for fault in read_text(settings, rule, "r.toml", ()).faults]


@pytest.mark.parametrize("kind", BUILT_IN)
@pytest.mark.parametrize("verb", ["cancel", "reschedule", "delete", "create"])
def test_a_rule_that_asks_for_what_there_is_no_call_for_is_refused(kind: str, verb: str) -> None:
    found = faults(STEPS[verb], "", **dict.fromkeys([kind], NOTHING))
    if verb in BUILT_IN[kind]:
        assert found == []
    else:
        assert len(found) == 1
        assert f'"{kind}" has no call to {verb} a post (it has ' in found[0]
        assert f"declare [providers.{kind}.calls] {verb}" in found[0]


def test_the_message_says_what_it_has() -> None:
    (found,) = faults(STEPS["delete"], zernio={})
    assert found == (
        'r.toml:4:18: rule.r.do[0].delete: "zernio" has no call to delete a post (it has retry, cancel, reschedule):'
        ' let "match" name providers that have one, or declare [providers.zernio.calls] delete'
    )


def test_of_several_providers_those_count_that_the_rule_is_about() -> None:
    assert len(faults(STEPS["cancel"], zernio={}, ayrshare={})) == 1
    assert faults(STEPS["cancel"], 'match = { provider = "zern*" }', zernio={}, ayrshare={}) == []
    assert faults(STEPS["cancel"], ayrshare={"calls": {"cancel": "POST /post/{post}/cancel"}}) == []
    assert len(faults(STEPS["cancel"], zernio={"calls": {"cancel": ""}})) == 1


def test_a_post_without_a_text_needs_to_be_known() -> None:
    (found,) = faults(STEPS["copy"], sosyalkopru={})
    assert "set [providers.sosyalkopru.recreate], or give the step a" in found
    assert faults(STEPS["copy"], sosyalkopru={"recreate": {"content": "content"}}) == []


@pytest.mark.parametrize(
    ("step", "more", "why"),
    [
        ('{ reschedule = "30m" }', "", 'does not say whether later or earlier: write it as in "+30m" or "-30m"'),
        ('{ reschedule = "+0m" }', "", "must be longer than nothing"),
        ('{ create = "post", text = "x" }', "", 'needs "platforms"'),
        ('{ create = "post", platforms = ["Twiter"], text = "x" }', "", '"Twiter" is no platform (did you mean'),
        ('{ cancel = "it" }', "", 'write "post"'),
    ],
)
def test_a_slip_is_answered_with_what_to_write(step: str, more: str, why: str) -> None:
    assert any(why in fault for fault in faults(step, more))


def test_what_would_set_itself_going_is_refused() -> None:
    zernio = Settings.model_validate({})
    for on, step in (("post.updated", STEPS["reschedule"]), ("action.dead", STEPS["cancel"])):
        rule = f'[rule.r]\non = "{on}"\ndo = [{step}]\n'
        (found,) = read_text(zernio, rule, str(Path("r.toml")), ()).faults
        assert "going again" in str(found) or "starts itself again without end" in str(found)
