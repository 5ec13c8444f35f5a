"""Where each subscription stands, and which node reads which part of it."""
