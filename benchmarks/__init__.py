"""What README's performance figures are made of; each prints what it compares."""
