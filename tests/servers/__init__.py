"""Real servers for the tests: each starts privately on free ports of 127.0.0.1 and stops only itself."""
