"""How fast signatures and mail are, beside bare hashes and key operations, other libraries and bare servers."""
