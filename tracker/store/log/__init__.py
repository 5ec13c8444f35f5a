"""The event log: append, read on, quarantine, prune."""
