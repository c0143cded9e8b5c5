"""How fast signatures are, beside bare hashes and key operations, and beside other libraries."""
