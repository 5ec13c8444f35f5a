"""The one way out of the house: by HTTP and by mail, with one rule about where it may go."""
