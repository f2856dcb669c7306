"""The troubleshooting page has a row for whatever a user can be told, and says what the code does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import speechwire
from speechwire import errors
from speechwire.protocol import EndKind, closing
from speechwire.protocol._paths import Path as Endpoint

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
LISTEN, SPEAK = Endpoint.LISTEN_V1, Endpoint.SPEAK_V1
SERVICE_CODE = re.compile(r"[A-Z]{3,}(_[A-Z]+)+")


def rows(heading: str) -> dict[str, list[str]]:
    """The rows under a heading by their first cell."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert lines, f"no table under {heading}"
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0]: row for row in cells}


def test_every_exception_has_a_row() -> None:
    told = {first.split("`")[1] for first in rows("Exceptions")}
    assert told == set(errors.__all__)


@pytest.mark.parametrize(
    ("path", "ours"), [(LISTEN, closing.ON_LISTEN), (SPEAK, closing.ON_SPEAK)], ids=["listen", "speak"]
)
def test_every_code_of_the_service_has_a_row_with_its_kind(path: Endpoint, ours: dict[str, EndKind]) -> None:
    table = rows("Deepgram's own codes")
    for code in closing.BY_DEEPGRAM_CODE.keys() | ours.keys():
        side = "listen" if path is LISTEN else "speak"
        row = table.get(f"`{code}`") or table[f"`{code}` ({side})"]
        assert row[1] == closing.kind_of(path, code).value, code


def test_no_row_is_about_a_code_nobody_knows() -> None:
    told = {first.split("`")[1] for first in rows("Deepgram's own codes")}
    assert told == set(closing.BY_DEEPGRAM_CODE)


def test_every_close_code_has_a_row_with_its_kind() -> None:
    table = {int(first.split(",")[0]): row for first, row in rows("Close codes").items()}
    assert set(table) >= {*closing.BY_CLOSE_CODE, 1000, 1005, 1006, 1011}
    for code, row in table.items():
        assert row[1].startswith(closing.kind_of(LISTEN, None, code).value), code


def test_every_http_status_says_whether_it_is_tried_again() -> None:
    table = {int(status): row for first, row in rows("HTTP status").items() for status in first.split(",")}
    assert set(table) >= {400, 401, 402, 403, 429, 503}
    for status, row in table.items():
        again = row[2].startswith("yes")
        assert again == errors.HandshakeRefused(status).retryable, status


def strings(tree: ast.AST) -> Iterator[str]:
    """String constants outside of ``__all__``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        yield from strings(node)


def codes_of(package: str) -> set[str]:
    files = (Path(speechwire.__file__).parent / package).rglob("*.py")
    found = {text for file in files for text in strings(ast.parse(file.read_text(encoding="utf-8")))}
    return {text for text in found if SERVICE_CODE.fullmatch(text)}


def test_every_code_the_emulator_and_the_protocols_know_is_on_the_page() -> None:
    codes = codes_of("emulator") | codes_of("protocol")
    assert {"EXCESSIVE_FLUSH", "INACTIVE_CLIENT", "INVALID_AUTH"} <= codes
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (
            "sample_rate must be 4000 to 192000 Hz, got 100",
            errors.InvalidArgument("sample_rate", 100, "4000 to 192000 Hz"),
        ),
        ("pcm must be bytes-like, got str", errors.InvalidArgumentType("pcm", "text", "bytes-like")),
        (
            "the service refused the connection (HTTP 401): Invalid credentials.",
            errors.HandshakeRefused(401, "Invalid credentials."),
        ),
        ("the connection was lost (close code 1011) NET-0000", errors.ConnectionLost(1011, "NET-0000")),
    ],
)
def test_the_words_on_the_page_are_those_of_the_error(said: str, error: Exception) -> None:
    assert f"`{said}`" in PAGE
    assert str(error) == said
