"""What is made from the code is up to date: the tables of the configuration, the pictures."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.server.page.pictures import NAMES

ROOT = Path(__file__).resolve().parents[2]


sys.path.insert(0, str(ROOT / "scripts"))  # as it is for a script that is run by its name


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


tables = script("docs_tables")
pictures = script("docs_pictures")
states = script("docs_states")
PAGE = tables.PAGE.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_code() -> None:
    assert tables.renewed(PAGE) == PAGE, "run: python scripts/docs_tables.py"


def test_the_states_are_those_of_the_code() -> None:
    assert states.PAGE.read_text(encoding="utf-8") == states.page(), "run: python scripts/docs_states.py"


@pytest.mark.parametrize("plugin", list(tables.SAMPLES), ids=lambda plugin: plugin.__name__)
def test_every_argument_has_a_row(plugin: type) -> None:
    table = PAGE.partition(f"<!-- made: {plugin.__name__} -->")[2].partition("<!-- end -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(inspect.signature(plugin).parameters)


def test_a_table_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="DeepgramSTT"):
        tables.renewed("# A page without places\n")


def test_an_argument_without_effect_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tables.difference([("model", "nova-2")], [("model", "nova-2")]) == ""
    monkeypatch.setitem(
        tables.SAMPLES, tables.DeepgramTTS, tables.SAMPLES[tables.DeepgramTTS] | {"speed": None}
    )
    with pytest.raises(ValueError, match="speed=None of DeepgramTTS changes nothing on the wire"):
        tables.plugin_table(tables.DeepgramTTS)


def test_an_argument_of_which_nothing_is_said_is_named_with_the_place_to_say_it() -> None:
    with pytest.raises(ValueError) as caught:
        tables.check_that_all_is_said("DeepgramTTS", ["speed", "whispered"], {"speed": ""}, {"speed"})
    words = "DeepgramTTS has the argument whispered: describe it in the docstring, under Args"
    assert str(caught.value) == words
    with pytest.raises(ValueError) as caught:
        tables.check_that_all_is_said("DeepgramTTS", ["whispered"], {"whispered": "In a whisper."}, {"speed"})
    assert str(caught.value) == (
        "DeepgramTTS has the argument whispered: give it a value that shows in SAMPLES of "
        "scripts/docs_tables.py, or, if it is no query parameter, say in ELSEWHERE what it does"
    )


def test_a_value_that_the_emulator_does_not_know_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = tables.SAMPLES[tables.DeepgramSTT] | {"model": "nova-33"}
    monkeypatch.setitem(tables.SAMPLES, tables.DeepgramSTT, samples)
    with pytest.raises(ValueError) as caught:
        tables.plugin_table(tables.DeepgramSTT)
    assert str(caught.value) == (
        "the emulator refused DeepgramSTT(model='nova-33') with 403: does emulator/_parameters_*.py know the "
        "parameter?"
    )


def test_what_is_wrong_is_one_line_and_the_page_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> str:
        raise ValueError("nothing is said")

    monkeypatch.setattr(tables, "TABLES", {"DeepgramSTT": fails})
    assert tables.main([]) == 2
    assert capsys.readouterr() == ("", "docs_tables: nothing is said\n")
    assert tables.PAGE.read_text(encoding="utf-8") == PAGE


def test_the_pictures_are_those_of_the_script() -> None:
    assert pictures.main(["--check"]) == 0, "run: python scripts/docs_pictures.py"


@pytest.mark.parametrize("name", list(pictures.PICTURES))
def test_every_picture_is_shown_with_words(name: str) -> None:
    shown = name.replace("-narrow", "")
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    assert f"images/{shown})" in pages
    assert f"![]({shown}" not in pages


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_of_the_page_is_shown(name: str) -> None:
    assert (ROOT / "docs" / "images" / f"{name}.png").exists()
    assert f"](images/{name}.png)" in (ROOT / "docs" / "page.md").read_text(encoding="utf-8")


def test_no_picture_is_left_over() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    pictures_of_pages = sorted((ROOT / "docs" / "images").glob("*.png"))
    assert [file.name for file in pictures_of_pages if f"images/{file.name}" not in pages] == []


def test_the_matrix_bears_out_what_the_pages_say_of_it() -> None:
    matrix = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    listening, speaking = map(table_of, matrix.split("## Speaking"))
    tried = [[cell for cell in row[3:] if cell] for row in listening[1:]]
    moments = len(listening[0]) - 3
    assert sum(len(cells) >= moments - 1 for cells in tried) > 40, "Flux alone has a ForceEndTurn"
    assert {len(cells) for cells in tried} == {1, moments - 1, moments}
    assert {tuple(cell.split(" · ")[:2]) for cells in tried for cell in cells} == {("12/12", "0")}
    lost = speaking[0].index("lost ms")
    assert len(speaking) > 40
    assert {row[lost] for row in speaking[1:]} == {"0"}


def table_of(page: str) -> list[list[str]]:
    """The cells of the only table of a page, without the line under its head."""
    lines = [line.strip("|") for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")] for line in [lines[0], *lines[2:]]]
