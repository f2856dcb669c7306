"""The AsyncAPI document, the structs and the page of the documentation say the same."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from speechwire.server.own_socket import messages

ROOT = Path(__file__).resolve().parents[3]
UNSAID = {"title", "description", "summary"}


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


docs_socket = script("docs_socket")
DOCUMENT: dict[str, Any] = docs_socket.document()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
STRUCTS = {kind.__name__: kind for kind in get_args(messages.ClientMessage | messages.ServerMessage)}
PARTS = {"AudioFormat", "Word", "UnfinishedSpeech"}
KNOWN = UNSAID | {"type", "enum", "anyOf", "$ref", "default", "items", "additionalProperties"}
KNOWN |= {"minimum", "maximum", "minLength", "maxLength", "maxItems"}
BINARY = {"Audio", "Speech"}
COMPONENTS = msgspec.json.schema_components(
    list(STRUCTS.values()), ref_template="#/components/schemas/{name}"
)[1]
EXAMPLES = [
    (name, example["payload"])
    for name, message in MESSAGES.items()
    for example in message.get("examples", ())
]


def canonical(schema: Any) -> Any:
    """A schema without words, with its alternatives in one form and in order."""
    if not isinstance(schema, dict):
        return schema
    plain = {
        key: canonical(value) if key in ("items", "additionalProperties") else value
        for key, value in schema.items()
        if key not in UNSAID
    }
    if isinstance(plain.get("type"), list):
        bounds = {key: plain.pop(key) for key in ("minimum", "maximum") if key in plain}
        kinds = plain.pop("type")
        plain["anyOf"] = [{"type": kind, **(bounds if kind == "integer" else {})} for kind in kinds]
    if "anyOf" in plain:
        plain["anyOf"] = sorted((canonical(each) for each in plain["anyOf"]), key=json.dumps)
    if plain.get("default") == ():
        plain["default"] = []
    if "enum" in plain:
        plain["enum"] = sorted(plain["enum"])
    return plain


def of_the_structs(name: str) -> dict[str, Any]:
    schema = COMPONENTS[name]
    fields = {field: canonical(each) for field, each in schema["properties"].items() if field != "type"}
    return {"fields": fields, "required": sorted(set(schema["required"]) - {"type"})}


def of_the_document(name: str) -> dict[str, Any]:
    schema = SCHEMAS[name]
    fields = {field: canonical(each) for field, each in schema["properties"].items()}
    assert all(set(each) <= KNOWN for each in schema["properties"].values())
    return {"fields": fields, "required": sorted(schema.get("required", []))}


def resolved(reference: str) -> Any:
    place: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        place = place[step]
    return place


def references(place: Any) -> list[str]:
    if isinstance(place, dict):
        own = [place["$ref"]] if isinstance(place.get("$ref"), str) else []
        return own + [found for each in place.values() for found in references(each)]
    return [found for each in place for found in references(each)] if isinstance(place, list) else []


def carried_by(operation: str) -> set[str]:
    return {each["$ref"].rpartition("/")[2] for each in DOCUMENT["operations"][operation]["messages"]}


@pytest.mark.parametrize("name", sorted(PARTS.union(STRUCTS)))
def test_the_structs_are_those_of_the_document(name: str) -> None:
    assert of_the_structs(name) == of_the_document(name)


def test_every_message_is_sent_by_one_side() -> None:
    client = {kind.__name__ for kind in get_args(messages.ClientMessage)}
    server = {kind.__name__ for kind in get_args(messages.ServerMessage)}
    assert carried_by("fromClient") == client | {"Audio"}
    assert carried_by("fromServer") == server | {"Speech"}
    assert set(MESSAGES) == set(STRUCTS) | BINARY == set(DOCUMENT["channels"]["call"]["messages"])
    assert set(SCHEMAS) == set(STRUCTS) | PARTS


def test_every_reference_leads_somewhere() -> None:
    assert all(resolved(reference) for reference in references(DOCUMENT))


def test_binary_messages_are_bounded_as_in_the_code() -> None:
    assert {MESSAGES[name]["payload"]["maxLength"] for name in BINARY} == {messages.MAX_MESSAGE_BYTES}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_field_is_described(name: str) -> None:
    assert [field for field, each in SCHEMAS[name]["properties"].items() if not each.get("description")] == []


@pytest.mark.parametrize(("name", "payload"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_the_examples_are_messages(name: str, payload: dict[str, Any]) -> None:
    schema = {**SCHEMAS[name], "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(payload)
    assert isinstance(msgspec.convert(payload, STRUCTS[name]), STRUCTS[name])
    assert set(payload) <= {"type", *SCHEMAS[name]["properties"]}


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEMAS["Played"]["properties"]["samples"], "minimum", 1)
    assert of_the_structs("Played") != of_the_document("Played")


def test_the_page_is_that_of_the_document() -> None:
    assert docs_socket.PAGE.read_text(encoding="utf-8") == docs_socket.page(), (
        "run: python scripts/docs_socket.py"
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"Start"}',
        '{"type":"Start","format":{"sample_rate":3999}}',
        '{"type":"Start","format":{"sample_rate":8000,"channels":33}}',
        '{"type":"Start","format":{"sample_rate":8000,"encoding":"opus"}}',
        '{"type":"Played","utterance":0,"samples":-1}',
        '{"type":"Speak","id":"","text":"x"}',
        '{"type":"Nothing"}',
        "[]",
    ],
)
def test_what_a_client_may_not_send_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        messages.decode_client_message(text)


def test_a_message_of_a_later_server_is_ignored() -> None:
    assert messages.decode_server_message('{"type":"Novelty","depth":3}') is None
    with pytest.raises(msgspec.ValidationError):
        messages.decode_server_message('{"type":"Acknowledged"}')
