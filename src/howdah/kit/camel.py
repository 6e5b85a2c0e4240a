"""camelCase at the edge, snake_case in Python; needs pydantic."""

from __future__ import annotations

import pydantic
from pydantic.alias_generators import to_camel


class CamelModel(pydantic.BaseModel):
    """A model whose fields clients know in camelCase: ``first_name`` is read and answered as ``firstName``.

    Python goes on with ``first_name``, also to make one, and from rows and objects (``model_validate``).
    ``model_dump()`` has Python's names; FastAPI and the kit answer with the clients'.
    """

    model_config = pydantic.ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, from_attributes=True
    )
