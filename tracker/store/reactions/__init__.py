"""What rules have begun: firings, runs, timers, pauses, switches, silences."""
