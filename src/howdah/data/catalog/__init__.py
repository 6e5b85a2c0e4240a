"""What is known when a request comes: the metadata as written and the database as found, resolved into a Catalog."""
