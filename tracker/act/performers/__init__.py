"""Whom we speak to: one performer for each verb."""

from tracker.act.performers.registry import build_performers, usable

__all__ = ["build_performers", "usable"]
