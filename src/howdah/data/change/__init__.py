"""What metadata calls and DDL make of metadata, and what is told of it."""
