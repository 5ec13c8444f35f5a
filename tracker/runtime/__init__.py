"""The process: event loop, HTTP server, telemetry, garbage collection."""
