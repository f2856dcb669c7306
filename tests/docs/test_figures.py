"""The figures on the pages are those of the reports, and no page states one by hand beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import docs_figures as figures

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / page for page in figures.PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_figures_are_those_of_the_reports(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert figures.renewed(text) == text, "run: python scripts/docs_figures.py"


def test_every_figure_has_a_place() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert set(re.findall(r"<!-- figures: ([\w-]+) -->", text)) == set(figures.FIGURES)


def test_a_figure_that_was_changed_by_hand_is_put_right() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    wrong = re.sub(r"(\| `ListenV2Session` \| )[\d.]+", r"\g<1>0.01", text, count=1)
    assert wrong != text
    assert figures.renewed(wrong) == text


def test_a_client_that_was_not_measured_is_named() -> None:
    with pytest.raises(KeyError, match="no nobody at 200 streams"):
        figures.cpu_ms("nobody")


def test_a_report_without_a_client_is_one_line_and_the_pages_stay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [page.read_text(encoding="utf-8") for page in PAGES]
    monkeypatch.setattr(figures, "runs_of", lambda contender, streams: [])
    assert figures.main([]) == 2
    assert capsys.readouterr().err == "docs_figures: streams.json has no flux_session at 200 streams\n"
    assert [page.read_text(encoding="utf-8") for page in PAGES] == before
