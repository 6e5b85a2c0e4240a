"""Catalog → an OpenAPI 3.1 document: what one role may ask and what it is answered, as JSON Schema. Pure."""

from howdah.data.openapi.document import describe

__all__ = ["describe"]
