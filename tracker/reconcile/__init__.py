"""Asks the provider what is true, and notices when it has fallen silent."""
