"""The pages of docs/reference, made from the code: `python -m tests.unit.reference` writes them anew."""
