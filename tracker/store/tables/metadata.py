"""All tables as they stand after the last migration: what the test for drift compares the migrations with."""

from sqlmodel import SQLModel

from tracker.store.tables import log, operations, posts, reactions

METADATA = SQLModel.metadata

__all__ = ["METADATA", "log", "operations", "posts", "reactions"]
