"""Run the whole comparison and write ``report.md`` with its pictures.

``python -m benches.python.audio.report [--fast] [--output DIRECTORY]``: half a minute, or some seconds with
``--fast``, which proves that the benches work and measures nothing worth quoting.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benches.python.audio import plots, quality, speed
from benches.python.audio.contenders import Contender, installed

from speechwire.audio import engine_name

DEFAULT_OUTPUT = Path(__file__).parents[2] / "report"
PACKAGES = ("numpy", "scipy", "soxr", "av", "audio-resampler", "samplerate")
SWEPT = (
    "speechwire balanced",
    "speechwire best",
    "numpy + soxr HQ",
    "PyAV (swresample)",
    "scipy.signal.resample (first version)",
    "audio-resampler",
)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def machine() -> str:
    """The machine in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text().splitlines()
            if "model name" in line
        ]
        model = names[0] if names else model
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores{load}, {platform.system()}, {python}; {_versions()}"


def _versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def comparison(
    times: dict[str, float], results: dict[str, quality.Quality], contenders: list[Contender]
) -> str:
    """Speed and quality of each contender, fastest first."""
    baselines = {c.baseline: times[c.name] for c in contenders if c.baseline}
    head = ["converter", "µs per frame", *(f"faster than {name}" for name in baselines)]
    head += ["SNR (dB)", "-1 dB at (kHz)", "aliases below -90 dB from (kHz)"]
    rows = []
    for name in sorted(times, key=lambda name: times[name]):
        result = results[name]
        ratios = [f"{base / times[name]:.1f}×" for base in baselines.values()]
        figures = [f"{result.snr_db:.1f}", f"{result.edge_hz / 1000:.2f}", _from(result.clean_from_hz)]
        rows.append([name, f"{times[name]:.2f}", *ratios, *figures])
    return table(head, rows)


def _from(frequency: float) -> str:
    return "nowhere" if frequency > 24_000 else f"{frequency / 1000:.2f}"


def write(output: Path, fast: bool) -> Path:
    """Measure everything; return the report's path."""
    output.mkdir(parents=True, exist_ok=True)
    turns, points = (3, 12) if fast else (60, 110)
    contenders, missing = installed()
    times = speed.per_frame(contenders, turns)
    results = {contender.name: quality.measure(contender, points) for contender in contenders}
    plots.time_per_frame(times, output / "time.svg")
    plots.response(results, output / "response.svg", 0, 24_000, -125)
    plots.response(results, output / "passband.svg", 5_000, 8_000, -3)
    plots.spectrograms(
        {c.name: quality.sweep(c) for c in contenders if c.name in SWEPT}, output / "sweep.svg"
    )
    lines = [
        "# Audio engine: 48 kHz stereo to 16 kHz mono in 20 ms frames\n",
        f"{datetime.now(UTC):%Y-%m-%d}. {machine()}.\n",
        "Medians of turns taken in one run; speechwire with its defaults, so chunks of 100 ms. SNR: the worst"
        " of four tones off the frame grid. Aliases: all that a tone above 8 kHz leaves, relative"
        " to the tone.\n",
        comparison(times, results, contenders),
        "".join(f"![{name}]({name}.svg)\n\n" for name in ("time", "response", "passband", "sweep")),
    ]
    if missing:
        lines.append("Not installed here, so not measured: " + ", ".join(missing) + ".\n")
    if engine_name() == "native":
        lines += native_sections(turns)
    path = output / "report.md"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def native_sections(turns: int) -> list[str]:
    """Code paths and lengths."""
    kernels = speed.per_kernel(turns)
    lengths = speed.per_length(max(3, turns // 4))
    return [
        "## Code paths\n",
        table(["preset, path", "µs per frame"], [[name, f"{value:.2f}"] for name, value in kernels.items()]),
        "## Length of a push\n",
        table(["seconds", "ns per input frame"], [[f"{k:g}", f"{v:.2f}"] for k, v in lengths.items()]),
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fast", action="store_true", help="only prove that the benches work")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="directory of the report")
    arguments = parser.parse_args()
    print(write(arguments.output, arguments.fast))


if __name__ == "__main__":
    main()
