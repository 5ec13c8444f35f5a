"""Rule files into rules, and rules tried out in memory."""

from tracker.rulebook.context import Known
from tracker.rulebook.loading import Rulebook, load_kept, load_rules, load_text
from tracker.rulebook.rule_test import RuleTest

__all__ = ["Known", "RuleTest", "Rulebook", "load_kept", "load_rules", "load_text"]
