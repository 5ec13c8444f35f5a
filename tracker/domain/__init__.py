"""What tracker knows and decides: pure functions over values, and the time is an argument."""
