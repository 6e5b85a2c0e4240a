"""YAML files of calls → values: the format in which migrations of Hasura 0.15 say what happens to the metadata."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from howdah.migrations.load import Call


def parse_calls(place: str, text: str, problems: list[str]) -> tuple[Call, ...]:
    """The calls that the file lists, each ``{type, args}``; what is wrong goes to ``problems``, with its line."""
    try:
        return _read(_Loader(text), place, problems)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        problems.append(f"{place}:{line}: this is not YAML: {error.problem}.")
    except yaml.YAMLError as error:  # a character that cannot be in YAML: no line, but a position
        problems.append(f"{place}: this is not YAML: {' '.join(str(error).split())}.")
    return ()


def _read(loader: _Loader, place: str, problems: list[str]) -> tuple[Call, ...]:
    root = loader.get_single_node()
    if root is None:
        return ()
    if not isinstance(root, yaml.SequenceNode):
        problems.append(f"{place}:{root.start_mark.line + 1}: this must be a list of calls.")
        return ()
    calls: list[Call] = []
    for node in root.value:
        line, found = node.start_mark.line + 1, loader.construct_object(node, deep=True)
        if not isinstance(found, dict) or found.keys() != {"type", "args"} or not isinstance(found["type"], str):
            problems.append(f"{place}:{line}: a call is a type and its args, and nothing else.")
        else:
            calls.append(Call(line, found["type"], found["args"]))
    return tuple(calls)


class _Loader(yaml.SafeLoader):
    """What JSON can say too: dates stay text, a key stands once, and keys are text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping. Raises ConstructorError for a key that stands twice or is no text."""
        seen: set[str] = set()
        for key, _ in node.value:
            word = self.construct_object(key, deep=True)
            if not isinstance(word, str):
                raise yaml.constructor.ConstructorError(None, None, f"the key {word} is no text", key.start_mark)
            if word in seen:
                raise yaml.constructor.ConstructorError(None, None, f'the key "{word}" stands twice', key.start_mark)
            seen.add(word)
        return super().construct_mapping(node, deep)
