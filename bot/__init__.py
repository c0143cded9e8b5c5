"""The door for mail, and everything that happens without a person waiting."""
