"""The door behind HTTP: verify, parse, append in batches; what cannot be used is quarantined."""
