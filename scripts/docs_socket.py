"""docs/own-socket.md, made from the AsyncAPI document: ``python scripts/docs_socket.py [--check]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "python" / "speechwire" / "server" / "own_socket" / "asyncapi.yaml"
PAGE = ROOT / "docs" / "own-socket.md"

_HEAD = """# The server's own socket

Made from `python/speechwire/server/own_socket/asyncapi.yaml` by `python scripts/docs_socket.py`. That file is
an [AsyncAPI 3](https://www.asyncapi.com/docs/reference/specification/v3.0.0) document and comes with the
package: clients in other languages can be written from it. The one in Python is
[`speechwire.client`](client.md); the page that the server shows is another.

"""


def main(arguments: list[str]) -> int:
    """Renew the page, or with ``--check`` say whether it is out of date."""
    new = page()
    if "--check" in arguments:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


def document() -> dict[str, Any]:
    """The AsyncAPI document."""
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    return loaded


def page() -> str:
    """The whole page."""
    doc = document()
    channel = doc["channels"]["call"]
    parts = [
        _HEAD + doc["info"]["description"].rstrip(),
        f"## Where it is\n\n`{channel['address']}` of the server. {channel['description'].rstrip()}",
    ]
    for operation in doc["operations"].values():
        parts.append(f"## {operation['summary']}")
        parts += [message(doc, _name(each)) for each in operation["messages"]]
    parts.append("## Parts of messages")
    parts += [f"### {name}\n\n{fields(doc, name)}" for name in ("AudioFormat", "Word", "UnfinishedSpeech")]
    return "\n\n".join(parts) + "\n"


def message(doc: dict[str, Any], name: str) -> str:
    """One message: what it is for, its fields, an example."""
    described = doc["components"]["messages"][name]
    parts = [f"### {name}", described["summary"].rstrip()]
    payload = described["payload"]
    if "$ref" not in payload:
        parts.append(f"A binary message of at most {payload['maxLength']:,} bytes.")
        return "\n\n".join(parts)
    parts.append(fields(doc, name))
    parts += [
        f"```json\n{json.dumps(each['payload'], indent=2)}\n```" for each in described.get("examples", ())
    ]
    return "\n\n".join(parts)


def fields(doc: dict[str, Any], name: str) -> str:
    """The table of the fields."""
    schema = doc["components"]["schemas"][name]
    if not schema["properties"]:
        return "It has no field but `type`."
    rows = [
        row(field, each, field in schema.get("required", ())) for field, each in schema["properties"].items()
    ]
    return "| field | | default | |\n|---|---|---|---|\n" + "\n".join(rows)


def row(field: str, schema: dict[str, Any], required: bool) -> str:
    """One field."""
    default = "required" if required else f"`{json.dumps(schema.get('default'))}`"
    description = " ".join(schema["description"].split())
    return f"| `{field}` | {kind(schema)} | {default} | {description} |"


def kind(schema: dict[str, Any]) -> str:
    """The type of a value, with its bounds, in words."""
    if "$ref" in schema:
        name = _name(schema)
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(kind(each) for each in reversed(schema["anyOf"]))
    if schema["type"] == "array":
        return f"list of {kind(schema['items'])}{_bounds(schema)}"
    if schema["type"] == "object":
        return "object of strings"
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(f"`{each}`" if each == "null" else each for each in types) + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is not None and high >= 1 << 53:
        high = None
    if low is not None and high is not None:
        return f", {low:,} to {high:,}"
    if low is not None:
        return f", {low:,} and up"
    if "maxLength" in schema:
        return f", {schema.get('minLength', 0)} to {schema['maxLength']:,} characters"
    if "maxItems" in schema:
        return f", at most {schema['maxItems']}"
    return ""


def _name(reference: dict[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
