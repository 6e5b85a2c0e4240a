"""The database as it is found."""
