"""What developers run: set-up, locks, generated documents. Nothing here is part of the service."""
