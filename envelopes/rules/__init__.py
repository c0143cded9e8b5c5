"""Pure rules: data in, data out. No I/O, no clock, no framework; ``now`` and ``policy`` are arguments."""
