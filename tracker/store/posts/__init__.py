"""The projection: posts, what moved, and building it anew."""
