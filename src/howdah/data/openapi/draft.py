"""What a document is written with: the viewpoint, and the components so far."""

from __future__ import annotations

from howdah.data.found.database import ColumnType
from howdah.data.openapi.schema import Schema, ref
from howdah.data.openapi.values import output, value
from howdah.data.openapi.viewpoint import Viewpoint, unused_key


class Draft:
    """A document in the making. Mutable in ``components`` only; what is said of a type is said once."""

    def __init__(self, viewpoint: Viewpoint) -> None:
        self.viewpoint = viewpoint
        self.components: dict[str, Schema] = {}
        self._types: dict[ColumnType, str] = {}
        self._taken: set[str] = set()
        self._names: dict[str, str] = {}
        self._taken_names: set[str] = set()

    @property
    def longest_list(self) -> int:
        """Elements that a list may have."""
        return self.viewpoint.limits.list_length

    def name_key(self, name: str) -> str:
        """What a column or relationship is called in the names of components."""
        key = self._names.get(name)
        if key is None:
            key = self._names[name] = unused_key(name, self._taken_names)
        return key

    def type_key(self, type_: ColumnType) -> str:
        """What the type is called in the names of components."""
        key = self._types.get(type_)
        if key is None:
            key = unused_key(type_.name.replace(" ", "_").replace("[]", "-array"), self._taken)
            self._types[type_] = key
        return key

    def leaves(self, type_: ColumnType) -> Schema:
        """What a value of the type that is not null leaves as."""
        if self._hides(type_):
            return ref("value_of_an_enum")
        return output(type_, stringify=self.viewpoint.stringify_numerics)

    def _hides(self, type_: ColumnType) -> bool:
        """Whether the type's values are those of a table that the role may not read whole."""
        return type_.of_enum_table and type_.labels not in self.viewpoint.labels

    def value(self, type_: ColumnType) -> Schema:
        """What a value of the type that is not null is written as; a component, if there is much to say."""
        if self._hides(type_):
            return ref("value_of_an_enum")
        schema = value(type_)
        if "anyOf" not in schema and "enum" not in schema:
            return schema
        key = f"value.{self.type_key(type_)}"
        self.components[key] = schema
        return ref(key)
