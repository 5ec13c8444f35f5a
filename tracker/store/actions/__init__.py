"""What is to be done outside: recorded, claimed, finished, told again."""
