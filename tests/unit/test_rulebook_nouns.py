"""The trigger and `per` decide which values a rule knows; what it reads beyond them is refused with what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracker.rulebook import Known, load_rules, load_text

KNOWN = Known(channels={"ops"}, endpoints={"cms"}, providers={"sosyalkopru"})
POST = '[rule.a]\non = "post.failed"\n'
CLOCK = '[rule.a]\nevery = "1h"\nover = { events = "post.failed" }\n'
WAITS = '[rule.a]\nwhile = { state = "failed" }\nfor = "1h"\n'
ACCOUNT = '[rule.a]\non = "account.disconnected"\nper = "account"\n'


def faults(text: str) -> list[str]:
    return [str(fault) for fault in load_text(text, "r.toml", KNOWN).faults]


def alert(title: str) -> str:
    return f"do = [{{ alert = 'ops', title = '''{title}''' }}]\n"


UNBOUND = {
    "a target where the post is one": (
        POST + alert("{{ target.url }}"),
        "r.toml:3:38: rule.a.do[0].title: target.url is always empty here: a post has several targets",
    ),
    "a platform where the post is one": (POST + alert("on {{ target.platform }}"), "or read post.platforms"),
    "an account where the post is one": (POST + alert("{{ account.id }}"), 'write per = "account" or per = "target"'),
    "a post that the clock does not have": (CLOCK + alert("{{ post.id }}"), "run.items.map(i, i.post_id)"),
    "an error that the clock does not have": (CLOCK + alert("{{ error.code }}"), "run.items.map(i, i.error_code)"),
    "items where nothing is gathered": (POST + alert("{{ run.items.size() }}"), "over = { events ="),
    "a count where nothing is gathered": (
        '[rule.a]\nevery = "1h"\n' + alert("{{ run.count }}"),
        "nothing is gathered: write",
    ),
    "a wait of a rule that does not wait": (POST + alert("{{ run.held }}"), "only a rule with while or expect waits"),
    "a wait of a rule that looks at one moment": (
        '[rule.a]\nbefore = "1h"\nof = "post.scheduled_at"\nwhile = { state = "draft" }\n' + alert("{{ run.held }}"),
        "only a rule with while or expect waits",
    ),
    "an event of a rule that the clock sets going": (WAITS + alert("{{ event.name }}"), "its name is run.rule"),
    "tries of a rule without a retry": (POST + alert("{{ run.tries }}"), "the rule retries nothing"),
    "a post where it is about an account": (ACCOUNT + alert("{{ post.id }}"), "is about an account, and no post"),
    "a condition": (
        POST + "when = 'target.url != \"\"'\n" + alert("x"),
        "r.toml:3:9: rule.a.when: target.url is always empty here",
    ),
    "a condition on what is gathered": (CLOCK + "when = 'target.url != \"\"'\n" + alert("x"), "target.url is always"),
    "all that was gathered, and one of it": (
        CLOCK + "when = 'run.count > 3 || post.attempt > 1'\n" + alert("x"),
        'rule.a.when: "run.count" is of all that was gathered, and "post.attempt" of one thing: put && between them',
    ),
    "tries of all that was gathered": (CLOCK + "when = 'run.tries > 3'\n" + alert("x"), "the rule retries nothing"),
    "all that was gathered, where it is no list": (
        CLOCK + "when = 'run.items.exists(i, i.posst == \"x\")'\n" + alert("x"),
        "posst: an item of run.items has no such field",
    ),
    "an event where it is listed how posts stand": (
        CLOCK.replace("events", "state").replace("post.f", "f") + "when = 'event.name == \"a.b\"'\n" + alert("x"),
        "no event but the clock sets this rule going",
    ),
    "data": (POST + 'do = [{ send = "cms", data = { url = "{{ target.url }}" } }]', "do[0].data.url: target.url is"),
    "a label's text": (POST + 'do = [{ set = { url = "{{ target.url }}" } }]', "do[0].set.url: target.url is"),
    "an event's name": (POST + 'do = [{ send = "cms", event = "{{ target.url }}" }]', "do[0].event: target.url is"),
}


@pytest.mark.parametrize(("text", "wrong"), UNBOUND.values(), ids=UNBOUND.keys())
def test_what_would_always_be_empty_is_refused_with_what_to_write(text: str, wrong: str) -> None:
    (fault,) = faults(text)
    assert wrong in fault


BOUND = {
    "a target by target": POST + 'per = "target"\n' + alert("{{ target.url }} {{ account.id }}"),
    "a platform by platform": POST + 'per = "platform"\n' + alert("{{ target.platform }}"),
    "an account of an event about one": ACCOUNT + alert("{{ account.id }} {{ account.name }} {{ post.provider }}"),
    "either, where the words are of both": (
        '[rule.a]\non = ["post.failed", "account.*"]\n' + alert("{{ post.id }} {{ account.id }} {{ event.name }}")
    ),
    "what nobody knows the subject of": '[rule.a]\non = "cms.asked"\n' + alert("{{ post.id }} {{ account.id }}"),
    "how long it has waited": WAITS + alert("{{ post.id }} {{ run.held }} {{ error.message }}"),
    "items, and what they are chosen by": (
        CLOCK + "when = 'error.retryable && post.attempt > 1'\n" + alert("{{ run.items[0].url }} {{ run.since }}")
    ),
    "a number of what is gathered, and one of it": (
        CLOCK + "when = 'run.count > 3 && (post.attempt > 1 || error.retryable)'\n" + alert("{{ run.count }}")
    ),
    "a number of what stands so": (
        CLOCK.replace("events", "state").replace("post.f", "f") + "when = 'run.items.size() > 3'\n" + alert("x")
    ),
    "tries of a retry": POST + 'do = [{ retry = "publish" }, { alert = "ops", title = "{{ run.tries }}" }]',
    "the event that it waits after": (
        '[rule.a]\non = "post.published"\nexpect = "cms.acked"\nwithin = "1h"\n'
        + alert("{{ event.name }}, {{ run.held }}")
    ),
    "a name of an item that is a noun's": CLOCK + alert("{{ run.items.map(post, post.post_id) }}"),
}


@pytest.mark.parametrize("text", BOUND.values(), ids=BOUND.keys())
def test_what_is_known_can_be_read(text: str) -> None:
    assert faults(text) == []


def test_a_workflow_is_refused_where_a_rule_runs_it_that_lacks_what_it_reads() -> None:
    workflow = "[workflow.tell]\n" + alert("{{ target.url }}")
    assert faults(workflow + POST + 'per = "target"\ndo = [{ run = "tell" }]') == []
    (fault,) = faults(workflow + POST + 'do = [{ run = "tell" }]')
    assert fault.startswith('r.toml:5:15: rule.a.do[0].run: "tell" does not fit here: target.url is always empty here')
    assert fault.endswith('write per = "target", or read post.urls')


READ_IN_VAIN = {
    "an item's field": (
        CLOCK + alert("{{ run.items.map(i, i.posst_id) }}"),
        'i.posst_id) }}: posst_id: an item of run.items has no such field (did you mean "post_id"?)',
    ),
    "an item's field, chosen first": (
        CLOCK + alert("{{ run.items.filter(i, i.url != '').map(i, i['posst_id']) }}"),
        "posst_id: an item of run.items has no such field",
    ),
    "the first item's field": (CLOCK + alert("{{ run.items[0].caption }}"), "caption: an item of run.items has no"),
    "a state": (POST + "when = 'post.state == \"faild\"'\n" + alert("x"), '"faild" is not a state (did you'),
    "a state in a list": (POST + "when = 'post.state in [\"faild\"]'\n" + alert("x"), '"faild" is not a state'),
    "a platform": (
        POST + "when = '\"instagran\" in post.platforms'\n" + alert("x"),
        'r.toml:3:10: rule.a.when: "instagran" is no platform (did you mean "instagram"?)',
    ),
    "one brace": (POST + alert("{ post.id } failed"), '"{ post.id }" would go out as it stands: write "{{ post.id }}"'),
    "a dollar": (POST + alert("at ${post.id}"), '"${post.id}" would go out as it stands: write "{{ post.id }}"'),
}


@pytest.mark.parametrize(("text", "wrong"), READ_IN_VAIN.values(), ids=READ_IN_VAIN.keys())
def test_what_is_read_in_vain_is_refused_with_what_to_write(text: str, wrong: str) -> None:
    (fault,) = faults(text)
    assert wrong in fault


DOUBTS = {
    "a label that nobody asked for": (
        POST + "when = 'post.labels.tier == \"vip\"'\n" + alert("x"),
        "when: post.labels.tier may not be there, and then nothing can be read: write has(post.labels.tier) && …",
    ),
    "a label in a text": (POST + alert("{{ post.labels.tier }}"), "post.labels.tier may not be there"),
    "a label that is asked for elsewhere": (
        POST + "when = 'has(post.labels.tier) || post.labels.tier == \"\"'\n" + alert("x"),
        "post.labels.tier may not be there",
    ),
    "an attribute": (POST + alert("{{ post.attributes.campaign }}"), "write has(post.attributes.campaign)"),
}


@pytest.mark.parametrize(("text", "wrong"), DOUBTS.values(), ids=DOUBTS.keys())
def test_what_may_not_be_there_is_told_as_a_warning(text: str, wrong: str) -> None:
    book = load_text(text, "r.toml", KNOWN)
    assert (len(book.rules), book.faults) == (1, ())
    (doubt,) = book.warnings
    assert wrong in str(doubt)
    assert (doubt.line, (doubt.column or 0) > 9) == (3, True)


ASKED = [
    'has(post.labels.tier) && post.labels.tier == "vip"',
    '"tier" in post.labels && post.labels["tier"] == "vip"',
    '!has(post.labels.tier) || post.labels.tier == "vip"',
    '(has(post.labels.tier) ? post.labels.tier : "") == "vip"',
    '(!has(post.labels.tier) ? "" : post.labels.tier) == "vip"',
    'error.retryable && (has(post.labels.tier) && (post.attempt > 1 && post.labels.tier == "vip"))',
    'post.labels.exists(name, post.labels[name] == "vip")',
    '!(has(post.labels.tier) && post.labels.tier == "vip")',
]


@pytest.mark.parametrize("when", ASKED)
def test_a_label_that_is_asked_for_can_be_read(when: str) -> None:
    book = load_text(POST + f"when = '''{when}'''\n" + alert("x"), "r.toml", KNOWN)
    assert (book.faults, book.warnings) == ((), ())


def in_page(folder: Path, page: str, rule: str) -> list[str]:
    (folder / "templates").mkdir()
    (folder / "templates" / "t.md").write_text(page)
    (folder / "r.toml").write_text(rule + 'do = [{ send = "cms", template = "t.md" }]')
    return [str(fault).removeprefix(f"{folder}/") for fault in load_rules(folder, KNOWN).faults]


PAGES = {
    "a value that the rule lacks": (
        "x\n{{ target.url }}",
        POST,
        "r.toml:3:35: rule.a.do[0].template: line 2 of it: target.url is always empty here",
    ),
    "an item's field": (
        "{% for i in run.items %}\n{{ i.posst }}{% endfor %}",
        CLOCK,
        "templates/t.md:2: posst: an item of run.items has no such field",
    ),
    "a filter's field": (
        '{{ run.items | selectattr("urll") | list | length }}',
        CLOCK,
        'templates/t.md:1: urll: an item of run.items has no such field (did you mean "url"?)',
    ),
    "a label": ("{{ post.labels.tier }}", POST, 'write {{ post.labels.tier | default("") }}'),
}


@pytest.mark.parametrize(("page", "rule", "wrong"), PAGES.values(), ids=PAGES.keys())
def test_a_template_file_is_held_to_the_same(tmp_path: Path, page: str, rule: str, wrong: str) -> None:
    (fault,) = in_page(tmp_path, page, rule)
    assert wrong in fault


@pytest.mark.parametrize(
    ("page", "rule"),
    [
        ("{% for post in run.items %}{{ post.post_id }}{{ post.platforms }}{% endfor %}", CLOCK),
        ("{% for i in run.items | rejectattr('url') | sort(attribute='at') %}{{ i.error_code }}{% endfor %}", CLOCK),
        ("{% if post.labels.tier is defined %}{{ post.labels.tier }}{% endif %}", POST),
        ("{{ post.labels.tier | default('none') }}", POST),
    ],
)
def test_a_template_file_reads_what_is_there(tmp_path: Path, page: str, rule: str) -> None:
    assert in_page(tmp_path, page, rule) == []


def test_all_mistakes_of_a_text_and_of_an_expression_are_told() -> None:
    assert [fault.partition(": rule.a.")[2] for fault in faults(POST + alert("{{ post.idd }} {{ pst.id }}"))] == [
        'do[0].title: {{ post.idd }}: post.idd: not a value that rules can read (did you mean "post.id"?)',
        'do[0].title: {{ pst.id }}: pst.id: not a value that rules can read (did you mean "post.id"?)',
    ]
    wrong = faults(POST + "when = 'error.retriable && post.attemt < 4'\n" + alert("x"))
    assert [fault.partition(":")[2] for fault in wrong] == [
        '3:9: rule.a.when: error.retriable: not a value that rules can read (did you mean "error.retryable"?)',
        '3:28: rule.a.when: post.attemt: not a value that rules can read (did you mean "post.attempt"?)',
    ]
