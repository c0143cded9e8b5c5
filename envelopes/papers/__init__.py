"""PDF files as things to read. The only package that knows pikepdf and pdfium; signatures live in `signing`."""
