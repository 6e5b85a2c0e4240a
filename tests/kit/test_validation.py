"""The pure middle of validation: query strings as values, schemas that are refused, types of bodies."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import marshmallow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.kit import content_types
from howdah.kit.errors import UnreadableBody, WrongSchema, WrongType
from howdah.kit.problems import InvalidRequest, json_path
from howdah.kit.validation.checker import checker, validation
from howdah.kit.validation.coercion import coerce
from howdah.kit.validation.json_schema import JsonSchema
from howdah.kit.validation.names import gathered

TYPES = st.sampled_from(["integer", "number", "boolean", "null", "string", "array"])


def one(kind: Any, text: str) -> Any:
    return coerce({"properties": {"x": {"type": kind}}}, [("x", text)], dict)[0]["x"]


@given(st.integers(min_value=-(10**25), max_value=10**25))
def test_whole_numbers_come_back(number: int) -> None:
    """Exactly, whether an integer or a number is wanted."""
    for kind in ("integer", "number", ["integer", "null"]):
        assert one(kind, str(number)) == number
        assert type(one(kind, str(number))) is int


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(number: float) -> None:
    """As JSON writes them; an integer that is not whole stays text, for the schema to refuse."""
    text = json.dumps(number)
    assert one("number", text) == number
    if "." in text or "e" in text:
        assert one("integer", text) == text


@given(TYPES, st.text())
def test_whatever_comes_is_a_value_of_json(kind: str, text: str) -> None:
    """No text breaks it, and text is wanted as it is."""
    value = one(kind, text)
    json.dumps(value, allow_nan=False)
    if kind == "string":
        assert value == text


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "0x10", "1_000", "٣", "+1", "01", " 1", "", "1."])
def test_what_json_does_not_know_is_no_number(text: str) -> None:
    """Python would read several of these."""
    assert one("number", text) == text


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("false", False), ("0", False), ("yes", "yes")]
)
def test_booleans(text: str, value: object) -> None:
    """Two spellings each; everything else is for the schema to refuse."""
    assert one("boolean", text) is value or one("boolean", text) == value
    assert one(["integer", "boolean"], "1") == 1
    assert one(["integer", "boolean"], "1") is not True


def test_types_are_found_behind_references_and_in_alternatives() -> None:
    """The schema of a property may be anywhere that JSON Schema lets it be."""
    schema = {
        "allOf": [{"properties": {"a": {"$ref": "#/n"}}}],
        "properties": {"b": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "c": {"enum": [1, 2]}},
    }
    values, problems = coerce(schema, [("a", "1"), ("b", ""), ("c", "2"), ("d", "3")], lambda _: {"type": "integer"})
    assert (values, problems) == ({"a": 1, "b": None, "c": 2, "d": "3"}, ())


def test_a_schema_that_refers_to_itself_ends() -> None:
    """References may go in circles."""
    schema: dict[str, Any] = {"$ref": "#"}
    assert coerce(schema, [("a", "1")], lambda _: schema)[0] == {"a": "1"}


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(max_size=3))))
def test_nothing_given_twice_is_lost_unsaid(pairs: list[tuple[str, str]]) -> None:
    """Either a list takes all, or the second is a problem."""
    values, problems = gathered(pairs, {"a"})
    assert values.get("a", []) == [value for name, value in pairs if name == "a"]
    assert len(problems) == (1 if sum(name == "b" for name, _ in pairs) > 1 else 0)


WRONG = [
    {"$schema": "http://json-schema.org/draft-99/schema#"},
    {"type": "objekt"},
    {"properties": {"a": {"format": "colour"}}},
    {"$ref": "#/nowhere"},
    {"$ref": "https://example.com/a.json"},
    {"$ref": "missing.json"},
    {"$ref": "../shapes.json"},
    [],
]


@pytest.mark.parametrize("schema", WRONG)
def test_a_schema_nobody_understands_is_refused_at_import(schema: Any) -> None:
    """And not when the first request comes, nor by letting everything through."""
    with pytest.raises(WrongSchema):
        JsonSchema(schema, place="here")


def test_the_draft_is_the_one_the_schema_names() -> None:
    """Drafts differ: in draft 4 ``exclusiveMinimum`` is a boolean."""
    newest = JsonSchema({"properties": {"n": {"exclusiveMinimum": 0}}}, place="here")
    old = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "properties": {"n": {"minimum": 0, "exclusiveMinimum": True}},
    }
    for schema in (newest, JsonSchema(old, place="here")):
        assert schema.body({"n": 1}) == {"n": 1}
        with pytest.raises(InvalidRequest):
            schema.body({"n": 0})
    with pytest.raises(WrongSchema):
        JsonSchema({key: value for key, value in old.items() if key != "$schema"}, place="here")


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("date-time", "2026-02-30T00:00:00Z", "2026-02-28T00:00:00+02:00"),
        ("date", "2026-13-01", "2026-12-01"),
        ("email", "nobody", "ann@example.com"),
        ("uuid", "abc", "6f1c8a52-4a6f-4f7e-9d39-8f1d5a1f4f10"),
        ("uri", "no uri", "https://example.com/"),
        ("ipv4", "1.2.3", "1.2.3.4"),
    ],
)
def test_formats_are_checked(name: str, wrong: str, right: str) -> None:
    """JSON Schema leaves it open; a format that is written down is meant."""
    schema = JsonSchema({"type": "object", "properties": {"x": {"format": name}}}, place="here")
    assert schema.body({"x": right})
    with pytest.raises(InvalidRequest):
        schema.body({"x": wrong})


def test_what_is_said_repeats_no_value() -> None:
    """A password that is too short is nobody's to read in a log."""
    schema = JsonSchema({"properties": {"password": {"type": "string", "minLength": 12}}}, place="here")
    with pytest.raises(InvalidRequest) as caught:
        schema.body({"password": "tr0ub4dor"})
    assert "tr0ub4dor" not in json.dumps(caught.value.to_json())


def test_a_file_is_found_beside_the_module_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the working directory, nor outside of the folder."""
    folder = tmp_path / "app"
    (folder / "schemas").mkdir(parents=True)
    (folder / "a.json").write_text('{"type": "object", "properties": {"n": {"$ref": "b.json#/n"}}}')
    (folder / "b.json").write_text('{"n": {"type": "integer"}}')
    (folder / "schemas" / "c.json").write_text("{}")
    (folder / "bad.json").write_text("{")
    (tmp_path / "outside.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("made_up")
    module.__file__ = str(folder / "made_up.py")
    monkeypatch.setitem(sys.modules, "made_up", module)

    def function(body: object) -> None: ...

    function.__module__ = "made_up"
    assert checker("a.json", function).body({"n": 1}) == {"n": 1}
    assert checker("c.json", function).body({}) == {}
    for name in ("outside.json", "../outside.json", str(tmp_path / "outside.json"), "nowhere.json", "bad.json", ""):
        with pytest.raises(WrongSchema):
            checker(name, function)


def test_what_checks_nothing_is_refused() -> None:
    """A number, a class of another kind, nothing at all."""

    def function() -> None: ...

    for what in (1, object, print):
        with pytest.raises(WrongSchema):
            checker(what, function)
    with pytest.raises(ValueError, match="validate"):
        validation(function, body=None, query=None)


def test_a_function_that_takes_no_body_is_still_checked() -> None:
    """It is given only what it asks for."""

    def function() -> None: ...

    checks = validation(function, body={"type": "object", "required": ["a"]}, query=None)
    assert checks.arguments(lambda: {"a": 1}, []) == {}
    with pytest.raises(InvalidRequest):
        checks.arguments(dict, [])


def test_a_schema_of_marshmallow_for_many_takes_a_list() -> None:
    """And says which of its items is wrong, and what is wrong with the whole."""

    class Item(marshmallow.Schema):
        n = marshmallow.fields.Int(required=True)

        @marshmallow.validates_schema
        def whole(self, data: dict[str, Any], **_: Any) -> None:
            if data.get("n") == 13:
                raise marshmallow.ValidationError("not this one")

    def function(body: object) -> None: ...

    many = checker(Item(many=True), function)
    assert many.body([{"n": 1}]) == [{"n": 1}]
    with pytest.raises(InvalidRequest) as caught:
        many.body([{"n": 1}, {"n": "x"}])
    assert [problem.path for problem in caught.value.problems] == ["$[1].n"]
    with pytest.raises(InvalidRequest) as caught:
        many.body([{"n": 1}, {"n": 13}])
    assert [problem.path for problem in caught.value.problems] == ["$[1]"]
    with pytest.raises(UnreadableBody):
        checker(Item, function).body([])


@given(st.text(), st.sampled_from(["", ";charset=utf-8", " ; charset=utf-8", '; a="b;c"']))
def test_a_type_is_read_whatever_comes(kind: str, parameters: str) -> None:
    """What is no type matches nothing; parameters count for nothing."""
    read = content_types.media_type(kind + parameters)
    assert read == "" or read.count("/") == 1
    assert content_types.is_json("Application/JSON" + parameters)
    if not read:
        with pytest.raises(WrongType):
            content_types.check(kind + parameters, ("text/*",))


@pytest.mark.parametrize("wrong", [(), ("json",), ("text/plain; charset=utf-8",), ("*",)])
def test_accepts_takes_types(wrong: tuple[str, ...]) -> None:
    """A slip is noticed at import."""
    with pytest.raises(ValueError, match="media types"):
        content_types.accepts(*wrong)


@given(st.lists(st.text() | st.integers(min_value=0)))
def test_places_are_told_apart(parts: list[str | int]) -> None:
    """Two different places are never written alike."""
    written = json_path(parts)
    assert written.startswith("$")
    assert json_path([*parts, "a"]) != json_path([*parts, 0]) != written
