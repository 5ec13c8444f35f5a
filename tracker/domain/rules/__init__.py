"""What a rule is and when it fires: patterns, conditions, deadlines."""
