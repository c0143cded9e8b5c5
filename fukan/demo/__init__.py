"""The local mail world in which the demo plays. It listens on the loopback address and nowhere else."""
