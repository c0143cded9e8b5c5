"""The command line that starts the two doors and looks after them."""
