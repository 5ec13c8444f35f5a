"""The projection: posts, their changes, and building it anew."""
