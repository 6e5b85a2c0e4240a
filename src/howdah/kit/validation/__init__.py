"""Is a request what it should be? By JSON Schema, marshmallow or pydantic; what is wrong is said in one shape."""
