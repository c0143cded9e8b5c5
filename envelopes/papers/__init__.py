"""Documents as things to read: PDF files, and what becomes one.

The only package that knows pikepdf, pdfium and LibreOffice; signatures live in `signing`.
"""
