"""Rules as they are written, cut out of their files."""

from __future__ import annotations

from tracker.rulebook import load_text

HEAD = """#:schema ./rules.schema.json
# About failures.

"""
FIRST = """# Why it is so.
# In two lines.
[rule.first]
on = "post.failed"
do = [{ alert = "ops", title = '''
[rule.not-a-header]
''' }, { wait = "x.y", at_most = "1h", else = "late" }]
"""
BRANCH = """[rule.first.branch]
late = [{ run = "outer" }]
"""
TEST = """[[test]]
rule     = "first"
timeline = "1m ! alert"

"""
SECOND = """[rule.second]
on = "post.failed"
do = [{ alert = "ops", title = "it failed" }]
"""
OUTER = """[workflow.outer]
do = [{ run = "inner" }]
"""
INNER = """[workflow.inner]
do = [{ alert = "ops", title = "late" }]
"""


def test_a_rule_is_cut_out_with_its_comments_its_branches_and_the_workflows_that_it_runs() -> None:
    """Whatever stands between them; and it can be read by itself."""
    book = load_text(HEAD + FIRST + "\n" + TEST + SECOND + "\n" + BRANCH + "\n" + INNER + OUTER)
    assert book.faults == ()
    assert book.texts == {"first": f"{FIRST}\n{BRANCH}\n{OUTER}\n{INNER}", "second": SECOND}
    for name, text in book.texts.items():
        (again,) = load_text(text).rules
        assert again.revision == next(rule.revision for rule in book.rules if rule.id == name)


def test_a_rule_without_a_header_of_its_own_is_shown_with_its_whole_file() -> None:
    text = 'rule.dotted.on = "post.failed"\nrule.dotted.do = [{ alert = "ops", title = "t" }]\n\n' + SECOND
    assert load_text(text).texts == {"dotted": text, "second": SECOND}
