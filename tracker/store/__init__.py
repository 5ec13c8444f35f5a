"""The one place for SQL: every statement is a named constant beside the function that runs it."""
