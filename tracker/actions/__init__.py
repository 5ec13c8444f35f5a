"""Whom we speak to: one performer for each verb."""

from tracker.actions.registry import build_performers

__all__ = ["build_performers"]
