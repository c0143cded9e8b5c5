"""Lengths that columns of several tables share."""

REF = 16  # characters of a reference: 80 bits in base32
SHA256 = 64  # hex digits
