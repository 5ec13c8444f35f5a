"""The embedded Postgres: found, started, watched and ended with the service."""

START = 300.0
"""Seconds: a recovery after a crash may take minutes, and must not be interrupted."""
