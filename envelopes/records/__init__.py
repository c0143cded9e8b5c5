"""Database and files."""
