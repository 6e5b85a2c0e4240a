"""The query language: JSON → Request. Knows no database."""
