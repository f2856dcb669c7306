"""Count what the house is made of: lines of each part, and how long its functions are.

python scripts/measure_source.py
"""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = {
    "rust/pcm": "rust/pcm/src",
    "rust/py": "rust/py/src",
    "speechwire.audio": "python/speechwire/audio",
    "speechwire.protocol": "python/speechwire/protocol",
    "speechwire.transport": "python/speechwire/transport",
    "speechwire.session": "python/speechwire/session",
    "speechwire.emulator": "python/speechwire/emulator",
    "videosdk.plugins.deepgram": "python/videosdk-plugins-deepgram",
    "examples": "examples",
    "tests": "tests",
    "benches": "benches",
}
_RUST_FUNCTION = re.compile(r"^( *)(?:pub(?:\([a-z]+\))? )?(?:const )?(?:unsafe )?fn ")


def main() -> None:
    """Print one line for each part."""
    print(f"{'part':<28}{'files':>6}{'lines':>8}{'longest file':>14}{'functions':>11}{'median':>8}{'p90':>6}")
    for name, folder in PARTS.items():
        paths = sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".rs"})
        lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in paths]
        functions = sorted(length for path in paths for length in function_lengths(path))
        if not functions:
            continue
        median, p90 = statistics.median(functions), functions[int(len(functions) * 0.9)]
        print(
            f"{name:<28}{len(paths):>6}{sum(lines):>8}{max(lines):>14}{len(functions):>11}{median:>8.0f}{p90:>6}"
        )


def function_lengths(path: Path) -> Iterator[int]:
    """Yield the length in lines of every function of a Python or Rust file."""
    text = path.read_text(encoding="utf-8")
    yield from _python(text) if path.suffix == ".py" else _rust(text.splitlines())


def _python(text: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield node.end_lineno - node.lineno + 1


def _rust(lines: list[str]) -> Iterator[int]:
    """rustfmt puts a function's closing brace at its own indentation."""
    for start, line in enumerate(lines):
        if match := _RUST_FUNCTION.match(line):
            closing = match[1] + "}"
            yield next((i for i, later in enumerate(lines[start:], 1) if later == closing), 1)


if __name__ == "__main__":
    main()
