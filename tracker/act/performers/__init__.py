"""Whom we speak to: one performer for each verb."""
