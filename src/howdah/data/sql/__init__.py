"""SQL as data, its text, and the parameters beside it. Knows no query language and no permissions."""
