"""A provider's words in ours, declared: where values stand in a body, and what they mean."""
