"""Metadata as it is written: values, documents, files, and where it is stored."""
