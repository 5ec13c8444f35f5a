"""What a post is and how facts become one: events, targets, the fold."""
