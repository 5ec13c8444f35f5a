"""Our own facts and their encoding, and the commands by which people add to them."""
