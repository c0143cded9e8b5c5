"""The door for browsers: pages for contractors and staff."""
