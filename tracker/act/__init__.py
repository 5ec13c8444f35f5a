"""The worker: claims what is to be done, does it outside, and writes down how it ended."""
