"""Folders of SQL → ordered steps → one transaction: migrations, the metadata that goes with them, and seeds."""
