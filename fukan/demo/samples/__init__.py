"""Sample documents of the demo: typst sources, the PDFs made from them, and the script that makes them."""
