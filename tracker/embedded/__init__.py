"""The embedded Postgres: found, started, watched and ended with the service."""
