"""A load as an SVG: calls, lateness and turns over time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from speechwire.load.result import Result

__all__ = ["picture"]

_WIDTH, _HEIGHT, _LEFT, _TOP = 860, 360, 60, 60
_RIGHT, _BOTTOM = 820, 310
_MOST_DOTS = 4000
_TICKS = 5


def picture(results: Sequence[Result]) -> str:
    """One run after the other, the time axis joined: dots are turns, the line is this process's lateness."""
    dots, line, calls, at_s = [], [], [], 0.0
    for result in results:
        dots += [(at_s + when_s, delay_s * 1000) for when_s, delay_s in result.turns]
        line += [(at_s + moment.at_s, moment.late_s * 1000) for moment in result.moments]
        calls += [(at_s + moment.at_s, moment.calls) for moment in result.moments]
        at_s += max([when_s for when_s, _ in result.turns] + [m.at_s for m in result.moments] + [1.0])
    dots = dots[:: max(1, len(dots) // _MOST_DOTS)]
    top_ms = max([value for _, value in dots + line] + [1.0]) * 1.05
    top_calls = max([count for _, count in calls] + [1])
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
            *_words(results),
            *_axes(at_s, top_ms, top_calls),
            _path([(x, y * top_ms / top_calls) for x, y in calls], at_s, top_ms, "#adb5bd"),
            *(_dot(x, y, at_s, top_ms) for x, y in dots),
            _path(line, at_s, top_ms, "#e8590c"),
            "</svg>\n",
        ]
    )


def _words(results: Sequence[Result]) -> list[str]:
    title = "; ".join(_said(result) for result in results)
    legend = "dots: a turn, from its last sound to its transcript (ms); orange: lateness of the callers (ms)"
    return [
        f'<text x="{_LEFT}" y="20" font-weight="bold">{escape(title[:130])}</text>',
        f'<text x="{_LEFT}" y="40" fill="#495057">{legend}; grey: calls</text>',
    ]


def _said(result: Result) -> str:
    lost = f"{result.lost} of {result.words} words lost" if result.is_counted else "words not counted"
    refused = f", {result.refused.total()} refused" if result.refused else ""
    return f"{result.answered} calls ({result.dialect}): {lost}{refused}"


def _axes(end_s: float, top_ms: float, top_calls: int) -> list[str]:
    lines = []
    for step in range(_TICKS + 1):
        share = step / _TICKS
        y = _BOTTOM - share * (_BOTTOM - _TOP)
        x = _LEFT + share * (_RIGHT - _LEFT)
        lines += [
            f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e9ecef"/>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share * top_ms:.0f}</text>',
            f'<text x="{_RIGHT + 6}" y="{y + 4:.1f}" fill="#868e96">{share * top_calls:.0f}</text>',
            f'<text x="{x:.1f}" y="{_BOTTOM + 18}" text-anchor="middle">{share * end_s:.0f} s</text>',
        ]
    return lines


def _place(x: float, y: float, end_s: float, top: float) -> tuple[float, float]:
    return _LEFT + x / end_s * (_RIGHT - _LEFT), _BOTTOM - min(1.0, y / top) * (_BOTTOM - _TOP)


def _dot(x: float, y: float, end_s: float, top: float) -> str:
    left, down = _place(x, y, end_s, top)
    return f'<circle cx="{left:.1f}" cy="{down:.1f}" r="2" fill="#1098ad" fill-opacity="0.6"/>'


def _path(points: Sequence[tuple[float, float]], end_s: float, top: float, colour: str) -> str:
    places = [_place(x, y, end_s, top) for x, y in points]
    joined = " ".join(f"{left:.1f},{down:.1f}" for left, down in places)
    return f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
