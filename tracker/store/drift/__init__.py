"""What payloads usually look like, as it was learnt, and what has drifted."""
