"""Reading on after a checkpoint, for agents and for listeners."""
