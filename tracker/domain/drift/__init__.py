"""Drift: what the payloads of a provider usually look like, and what of that has changed."""
