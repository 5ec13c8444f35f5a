"""What a firing sets going: runs, their steps, waits, alerts, and a simulation of it all."""
