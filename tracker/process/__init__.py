"""From the log to posts and reactions: project, react, rebuild, look back, try out."""
