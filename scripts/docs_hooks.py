"""What the site adds to its Markdown: reports of the benches, and pictures that follow the site's colours.

Four directives, each on a line of its own::

    <!-- source: examples/cookbook/captions.py -->
    <!-- include: benches/report/report.md -->
    <!-- section: benches/report/streams.md; Flux at; The CPU of other clients, as a multiple of ours: -->
    <!-- table: benches/report/report.md; rows: speechwire balanced | audio-resampler; columns: 1 2 6 -->

* ``source`` puts in a program.
* ``include`` puts in a report without its title, or says that the report has not been made.
* ``section`` puts in a section of a report, found by the beginning of its heading, after a sentence.
* ``table`` puts in some rows of the first table that has them all.

So a renewed report renews the page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError  # type: ignore[import-not-found]
from mkdocs.structure.files import File  # type: ignore[import-not-found]

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "benches" / "report"
PICTURES = ROOT / "docs" / "images"

_SOURCE = re.compile(r"^<!-- source: (?P<path>\S+\.py) -->$", re.M)
_INCLUDE = re.compile(r"^<!-- include: (?P<path>\S+) -->$", re.M)
_SECTION = re.compile(r"^<!-- section: (?P<path>\S+); (?P<heading>[^;]+); (?P<lead>.+?) -->$", re.M)
_TABLE = re.compile(
    r"^<!-- table: (?P<path>\S+); rows: (?P<rows>.+?); columns: (?P<columns>[\d ]+) -->$", re.M
)
_PICTURE = re.compile(r'<img alt="(?P<alt>[^"]*)" src="(?:\.\./)*images/(?P<name>[\w-]+\.svg)"\s*/?>')
_CELL = re.compile(r"<td>(?P<content>.*?)</td>", re.S)
_CODE = re.compile(r"<code>.*?</code>", re.S)
_BREAK = re.compile(r"(?<=\w)[_=/.,](?=[\w\"])|(?<=\w)&amp;(?=\w)")
_SHORT = 22  # characters that stay on one line, and need no more room on a narrow screen
_STYLE = re.compile(r"<style>.*?</style>\s*", re.S)


def on_files(files: Any, config: Any) -> Any:
    """Add the reports' pictures, which are kept beside the benches."""
    for picture in sorted(REPORTS.glob("*.svg")):
        name = f"images/report/{picture.name}"
        files.append(File.generated(config, name, content=picture.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Carry out the directives."""
    up = "../" * page.file.src_uri.count("/")
    markdown = _SOURCE.sub(_source, markdown)
    markdown = _INCLUDE.sub(lambda found: _report(found["path"], up), markdown)
    return _TABLE.sub(_table, _SECTION.sub(_section, markdown))


def on_page_content(html: str, **_: Any) -> str:
    """Put our drawings into the page, where the site's stylesheet reaches them; make tables fit."""
    return _CELL.sub(_fitted, _PICTURE.sub(_inline, html))


def _source(found: re.Match[str]) -> str:
    program = (ROOT / found["path"]).read_text(encoding="utf-8")
    return f'```python title="{found["path"]}"\n{program.rstrip()}\n```'


def _report(path: str, up: str) -> str:
    report = ROOT / path
    if not report.exists():
        how = f"[Measuring]({up}maintainers/measuring.md)"
        return f'!!! note "Not measured in this tree"\n    `{path}` has not been made; {how} says how.'
    text = re.sub(r"\A# [^\n]*\n+", "", report.read_text(encoding="utf-8"))
    text = re.sub(r"^(#+ )", r"#\1", text, flags=re.M)
    return re.sub(r"!\[([^\]]*)\]\(([\w-]+\.svg)\)", rf"![\1]({up}images/report/\2)", text)


def _section(found: re.Match[str]) -> str:
    report = ROOT / found["path"]
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    heading = re.escape(found["heading"])
    section = re.search(rf"^## {heading}[^\n]*\n(?P<content>.*?)(?=^## |\Z)", text, re.M | re.S)
    return f"{found['lead']}\n\n{section['content'].strip()}\n" if section else ""


def _table(found: re.Match[str]) -> str:
    wanted = [name.strip() for name in found["rows"].split("|")]
    columns = [int(number) - 1 for number in found["columns"].split()]
    for table in _tables(ROOT / found["path"]):
        rows = {row[0]: row for row in table}
        if all(name in rows for name in wanted):
            chosen = [table[0], table[1], *(rows[name] for name in wanted)]
            return "\n".join("| " + " | ".join(row[i] for i in columns) + " |" for row in chosen)
    raise PluginError(f"no table of {found['path']} has the rows {wanted}")


def _tables(path: Path) -> list[list[list[str]]]:
    blocks = re.findall(r"(?:^\|.*\n)+", path.read_text(encoding="utf-8"), re.M)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        for block in blocks
    ]


def _fitted(cell: re.Match[str]) -> str:
    """A cell whose names may be broken between their words, and which says if it is short."""
    content = _CODE.sub(lambda code: _BREAK.sub(r"\g<0><wbr>", code[0]), cell["content"])
    kind = ' class="short"' if len(re.sub(r"<[^>]+>", "", content)) <= _SHORT else ""
    return f"<td{kind}>{content}</td>"


def _inline(found: re.Match[str]) -> str:
    """The drawing; where there is a narrow version of it too, the stylesheet shows one of the two."""
    wide = PICTURES / found["name"]
    narrow = wide.with_stem(f"{wide.stem}-narrow")
    if not narrow.exists():
        return _drawing(wide, found["alt"], "drawing")
    return _drawing(wide, found["alt"], "drawing wide") + _drawing(narrow, found["alt"], "drawing narrow")


def _drawing(path: Path, words: str, kind: str) -> str:
    svg = path.read_text(encoding="utf-8")
    svg = _STYLE.sub("", svg[svg.index("<svg") :])
    svg = re.sub(r' width="(\d+)" height="\d+">', r' style="max-width: \1px">', svg, count=1)
    return f'<span class="{kind}" role="img" aria-label="{words}">{svg}</span>'
