"""How many calls a provider allows, and what to do when it fails: budgets, breaker, pacing."""
