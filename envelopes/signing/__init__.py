"""PDF files as things that prove: keys, signatures, timestamps, validation. No pyHanko type leaves this package."""
