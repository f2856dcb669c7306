"""Draws the documentation's pictures: ``python scripts/docs_pictures.py [--check]``.

Each is one SVG with classes for colours. On the site the stylesheet gives them the page's; alone,
as on a code host, the style inside follows the reader's setting.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

DOCS = Path(__file__).resolve().parents[1] / "docs"
FOLDER = DOCS / "images"
STYLESHEET = DOCS / "stylesheets" / "drawings.css"


def style() -> str:
    """The site's stylesheet of the drawings, with the reader's setting in place of the site's switch."""
    rules = re.sub(r"/\*.*?\*/\s*", "", STYLESHEET.read_text(encoding="utf-8"), flags=re.S)
    dark = re.compile(r'\[data-md-color-scheme="slate"\] (\.sw \{[^}]*\})')
    return dark.sub(r"@media (prefers-color-scheme: dark) { \1 }", rules)


class Picture:
    """An SVG in the making; all lengths are its own units."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._parts: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, *lines: str, kind: str = "box") -> None:
        """A rounded box with its first line bold and the others small, centred."""
        self._parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'
        )
        first = y + height / 2 + 5 - 8.5 * (len(lines) - 1)
        for number, line in enumerate(lines):
            kind_of_text = "soft" if number else "bold"
            self.text(x + width / 2, first + 17 * number, line, kind=kind_of_text, anchor="middle")

    def bar(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """A plain filled bar."""
        self._parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="2"/>'
        )

    def text(self, x: float, y: float, words: str, *, kind: str = "", anchor: str = "start") -> None:
        """One line of text, its baseline at `y`."""
        self._parts.append(
            f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def arrow(self, *points: tuple[float, float], kind: str = "line") -> None:
        """A line through the points with a head at the last."""
        self.line(*points, kind=kind)
        (x0, y0), (x, y) = points[-2:]
        turn = math.degrees(math.atan2(y - y0, x - x0))
        place = f'transform="translate({x:g} {y:g}) rotate({turn:g})"'
        self._parts.append(f'<path class="head" d="M1 0L-9 -4.5L-9 4.5Z" {place}/>')

    def line(self, *points: tuple[float, float], kind: str = "line") -> None:
        """A line without a head."""
        path = " ".join(f"{'L' if i else 'M'}{x:g} {y:g}" for i, (x, y) in enumerate(points))
        self._parts.append(f'<path class="{kind}" d="{path}"/>')

    def wave(self, x: float, y: float, heights: str) -> None:
        """Speech: a stroke for each digit, as high as it says."""
        strokes = " ".join(
            f"M{x + 6 * i:g} {y - 2.6 * int(h):g}v{5.2 * int(h):g}" for i, h in enumerate(heights)
        )
        self._parts.append(f'<path class="wave" d="{strokes}"/>')

    def svg(self) -> str:
        """The whole file."""
        size = f'viewBox="0 0 {self._width} {self._height}" width="{self._width}" height="{self._height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" class="sw" {size}>\n<style>\n{style()}</style>'
        return "\n".join([head, *self._parts, "</svg>", ""])


def overview() -> Picture:
    """The whole in one line, for wide screens."""
    picture = Picture(880, 232)
    picture.wave(22, 84, "13625482361426135241")
    picture.text(80, 124, "48 kHz stereo", kind="soft", anchor="middle")
    picture.arrow((150, 84), (197, 84))
    picture.box(180, 20, 500, 192, kind="frame")
    picture.text(
        430,
        204,
        "session: keeps audio until a result covers it, reconnects, replays",
        kind="soft",
        anchor="middle",
    )
    for x, lines in (
        (198, ("audio", "downmix, resample,", "chunk: 2 µs")),
        (360, ("protocol", "frames out,", "events in")),
        (522, ("transport", "one WebSocket", "a stream")),
    ):
        picture.box(x, 48, 140, 74, *lines, kind="ours")
    picture.arrow((338, 84), (359, 84))
    picture.arrow((500, 84), (521, 84))
    picture.arrow((662, 76), (727, 76))
    picture.box(728, 48, 136, 74, "Deepgram", "Nova, Flux, Aura", "or the emulator")
    picture.arrow((796, 122), (796, 166), (150, 166))
    picture.text(136, 162, "transcripts,", anchor="end", kind="bold")
    picture.text(136, 180, "turns, speech", anchor="end", kind="bold")
    return picture


def overview_narrow() -> Picture:
    """The same from top to bottom."""
    picture = Picture(424, 440)
    picture.wave(24, 30, "13625482361426135241")
    picture.text(160, 35, "48 kHz stereo", kind="soft")
    picture.arrow((60, 50), (60, 95))
    picture.box(10, 74, 300, 278, kind="frame")
    for y, lines in (
        (96, ("audio", "downmix, resample, chunk: 2 µs")),
        (168, ("protocol", "frames out, events in")),
        (240, ("transport", "one WebSocket a stream")),
    ):
        picture.box(30, y, 260, 52, *lines, kind="ours")
    picture.arrow((60, 148), (60, 167))
    picture.arrow((60, 220), (60, 239))
    picture.arrow((60, 292), (60, 373))
    picture.text(76, 316, "session: keeps audio until a", kind="soft")
    picture.text(76, 334, "result covers it, reconnects, replays", kind="soft")
    picture.box(30, 374, 260, 56, "Deepgram", "Nova, Flux, Aura, or the emulator")
    picture.arrow((290, 402), (366, 402), (366, 62))
    picture.text(366, 30, "transcripts,", anchor="middle", kind="bold")
    picture.text(366, 48, "turns, speech", anchor="middle", kind="bold")
    return picture


def audio_flow() -> Picture:
    """Every stage on the way down and up, and what bounds it."""
    picture = Picture(560, 560)
    picture.wave(104, 26, "136254823614")
    picture.text(190, 31, "frames of PCM, any length", kind="soft")
    picture.arrow((137, 46), (137, 65))
    _way_down(picture)
    picture.arrow((137, 404), (137, 451))
    picture.text(126, 432, "audio", kind="soft", anchor="end")
    picture.box(12, 452, 250, 54, "Deepgram", "/v1/listen or /v2/listen")
    picture.arrow((262, 479), (475, 479), (475, 395))
    picture.text(368, 471, "results", kind="soft", anchor="middle")
    _way_up(picture)
    picture.arrow((396, 275), (330, 275), (330, 190), (263, 190))
    picture.text(329, 182, "final: let it go", kind="soft", anchor="middle")
    picture.box(12, 524, 540, 30, "one event loop, no thread for a stream", kind="frame")
    return picture


def _way_down(picture: Picture) -> None:
    stages = (
        (66, "downmix, resample, chunk", "one pass, in Rust or numpy", "a rest of a frame is carried"),
        (156, "audio log", "knows each chunk's time", "30 s to send, 30 s to be covered"),
        (246, "protocol", "no I/O, no clock", "counts the seconds sent"),
        (336, "transport", "one WebSocket, aiohttp or picows", "5 s for a send, 10 s to connect"),
    )
    for y, title, what, bound in stages:
        picture.box(12, y, 250, 68, title, what, bound, kind="ours")
    for y in (134, 224, 314):
        picture.arrow((137, y), (137, y + 21))


def _way_up(picture: Picture) -> None:
    stages = (
        (336, "protocol", "typed events"),
        (246, "timeline", "your clock, your turns"),
        (156, "event queue", "1000 at most"),
    )
    for y, title, what in stages:
        picture.box(396, y, 156, 58, title, what, kind="ours")
        picture.arrow((475, y), (475, y - 31))
    picture.box(396, 66, 156, 58, "async for", "or the plugin's callback")


def replay() -> Picture:
    """One stream over two connections."""
    picture = Picture(600, 300)
    left, second = 116.0, 47.5

    def at(seconds: float) -> float:
        return left + seconds * second

    picture.text(10, 44, "you pushed", kind="bold")
    picture.bar(at(0), 28, 10 * second, 24, "audio")
    picture.text(10, 114, "connection 1", kind="bold")
    picture.bar(at(0), 98, 4.8 * second, 24, "audio")
    picture.bar(at(4.8), 98, 1.4 * second, 24, "faint")
    picture.text(at(0) + 8, 90, "covered by finals", kind="soft")
    picture.text(at(6.2) + 8, 115, "reset at 6.2 s", kind="warm")
    picture.line((at(6.2), 88), (at(6.2), 132), kind="warmline")
    picture.text(10, 184, "connection 2", kind="bold")
    picture.bar(at(4.8), 168, 5.2 * second, 24, "audio")
    picture.text(at(4.8), 214, "0", kind="soft", anchor="middle")
    picture.text(at(6.2), 214, "1.4", kind="soft", anchor="middle")
    picture.text(at(10), 214, "5.2 s on its own clock", kind="soft", anchor="end")
    picture.arrow((at(4.8), 122), (at(4.8), 166))
    picture.text(at(4.8) - 8, 150, "sent again: 4.8 to 6.2", kind="soft", anchor="end")
    picture.line((at(0), 250), (at(10), 250))
    for seconds in (0, 2, 4, 6, 8, 10):
        picture.line((at(seconds), 246), (at(seconds), 254))
        picture.text(at(seconds), 272, str(seconds), kind="soft", anchor="middle")
    picture.text(at(5), 292, "seconds on your clock: what every event says", kind="soft", anchor="middle")
    picture.text(10, 254, "you read", kind="bold")
    return picture


def modules() -> Picture:
    """Who may import whom."""
    picture = Picture(640, 380)
    picture.box(20, 12, 260, 54, "videosdk.plugins.deepgram", "translates, and does nothing else", kind="box")
    picture.box(360, 12, 260, 54, "speechwire.cli", "the command")
    picture.box(
        20, 112, 420, 56, "speechwire.session", "tasks, time, reconnection, replay, quota", kind="ours"
    )
    picture.box(480, 112, 140, 150, "emulator", "an independent", "opponent", kind="box")
    for x, title, what in (
        (20, "audio", "rust/pcm or numpy"),
        (165, "protocol", "no I/O, no clock"),
        (310, "transport", "aiohttp or picows"),
    ):
        picture.box(x, 208, 130, 54, title, what, kind="ours")
    picture.box(20, 312, 600, 48, "speechwire.errors", "imports nothing", kind="box")
    picture.arrow((150, 66), (150, 111))
    picture.arrow((400, 66), (400, 111))
    picture.arrow((560, 66), (560, 111))
    for x in (85, 230, 375):
        picture.arrow((x, 168), (x, 207))
        picture.arrow((x, 262), (x, 311))
    picture.arrow((550, 262), (550, 311))
    picture.line((520, 262), (520, 286), (110, 286))
    picture.arrow((110, 286), (110, 263))
    return picture


PICTURES: Mapping[str, Callable[[], Picture]] = {
    "overview.svg": overview,
    "overview-narrow.svg": overview_narrow,
    "audio-flow.svg": audio_flow,
    "replay.svg": replay,
    "modules.svg": modules,
}


def main(arguments: list[str]) -> int:
    """Draw them, or with ``--check`` say whether one is out of date."""
    drawn = {FOLDER / name: draw().svg() for name, draw in PICTURES.items()}
    if "--check" in arguments:
        return int(any(not path.exists() or path.read_text("utf-8") != svg for path, svg in drawn.items()))
    for path, svg in drawn.items():
        path.write_text(svg, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
