"""The measured figures on the pages, made from the reports: ``python scripts/docs_figures.py [--check]``.

Each page has places, ``<!-- figures: NAME -->`` to ``<!-- end -->``. What stands in them comes from what the
benches wrote into ``benches/report`` and from the fault matrix: one run after a new report renews every page.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for a script that is run by its name

from benches.python.server.callers import KINDS  # noqa: E402
from benches.python.server.contenders import CATALOG as SERVERS  # noqa: E402
from benches.python.server.result import Result as ServerResult  # noqa: E402
from benches.python.streams.contenders.catalog import CATALOG  # noqa: E402
from benches.python.streams.result import TOO_LATE_S  # noqa: E402
from scripts.framework_figures import livekit_cost, pipecat_cost  # noqa: E402
from scripts.scale_figures import hundred_thousand, rolling_and_cost, server_limits  # noqa: E402

REPORTS = ROOT / "benches" / "report"
_PLUGIN = "python/videosdk-plugins-deepgram/README.md"
_PAGES = ("livekit", "performance", "pipecat", "scaling", "server")
PAGES = ("README.md", *(f"docs/{name}.md" for name in _PAGES), _PLUGIN)

_PLACE = re.compile(r"(?P<begin><!-- figures: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end -->\n)", re.S)
_COMPARED_AT = 200

_LIVE = {
    "`ListenV2Session`": "flux_session",
    "`DeepgramSTTV2`": "stt_v2",
    "deepgram-sdk": "sdk_v2",
    "videosdk-plugins-deepgram 1.0.30, sending 48 kHz": "incumbent_v2",
    "LiveKit STTv2": "livekit_v2",
    "first version's algorithm, an FFT for each frame": "first_version",
    "Pipecat's Flux service": "pipecat_v2",
    "videosdk-plugins-deepgram 1.0.30, sending 16 kHz": "incumbent_v2_16k",
}
_CONVERTERS = (
    ("`PcmPipeline`, `balanced` (default)", "speechwire balanced"),
    ("`PcmPipeline`, `best`", "speechwire best"),
    ("numpy downmix + soxr HQ", "numpy + soxr HQ"),
    ("PyAV (swresample)", "PyAV (swresample)"),
    ("`PcmPipeline`, `balanced`, numpy engine", "speechwire balanced, numpy"),
    ("scipy.signal.resample for each frame", "scipy.signal.resample (first version)"),
    ("audio-resampler", "audio-resampler"),
)

SERVER_HEAD = (
    "server",
    "calls",
    "CPU ms per call-second",
    "99 % of frames sent within",
    "dial → first audio, p50 / p99",
    "KiB per call + open audio",
)

Runs = Sequence[Mapping[str, Any]]


def main(arguments: list[str]) -> int:
    """Renew the pages, or with ``--check`` say whether one is out of date."""
    stale = 0
    for page in map(ROOT.joinpath, PAGES):
        old = page.read_text(encoding="utf-8")
        try:
            new = renewed(old)
        except KeyError as error:
            print(f"docs_figures: {error.args[0]}", file=sys.stderr)
            return 2
        stale |= new != old
        if "--check" not in arguments:
            page.write_text(new, encoding="utf-8")
    return int(stale) if "--check" in arguments else 0


def renewed(page: str) -> str:
    """Return a page with all its figures made anew.

    Raises:
        KeyError: The page has a place for figures that do not exist, or a report lacks a row.
    """
    return _PLACE.sub(lambda found: f"{found['begin']}\n{FIGURES[found['name']]()}\n{found['end']}", page)


def live_streams() -> str:
    """The CPU and the lateness of every client, with Flux."""
    rows = [
        (name, f"{cpu_ms(client):.2f}", lateness(client), CATALOG[client].leaves_out or "-")
        for name, client in _LIVE.items()
    ]
    return table(("client, Flux", "CPU ms", "99 % of frames sent within", "not in its figure"), rows)


def converters() -> str:
    """Time and quality of each converter."""
    head, rows = audio_report()
    time, snr, aliases = (head.index(name) for name in ("µs per frame", "SNR (dB)", head[-1]))
    shown = [
        (name, digits(rows[row][time]), f"{rows[row][snr]} dB", kilohertz(rows[row][aliases]))
        for name, row in _CONVERTERS
    ]
    return table(("converter", "µs per frame", "SNR", "aliases below -90 dB from"), shown)


def evidence() -> str:
    """What was lost, what a stream takes, and where the predecessor is cheaper."""
    matrix = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    faults = len(re.findall(r"^\| (?!fault\b|---)", matrix, re.M))
    return (
        f"* **Faults.** All {faults} rows of the [fault matrix](docs/reliability.md): 0 ms of audio lost,"
        " no word twice.\n"
        f"* **Soak.** {soak()} ([report](benches/report/soak.md)).\n"
        f"* **Memory** of a live stream while somebody speaks: {memory()}.\n"
        f"* **Streams on one core.** {capacity()}\n"
        f"* **Where 1.0.30 is cheaper.** {dearer()}\n"
    )


def conclusions() -> str:
    """The performance page's first list."""
    _, rows = audio_report()
    balanced, soxr, resampler = (
        float(rows[name][1]) for name in ("speechwire balanced", "numpy + soxr HQ", "audio-resampler")
    )
    others = ", ".join(
        f"{cpu_ms(contender) / cpu_ms('flux_session'):.1f} ({name})"
        for name, contender in (
            ("deepgram-sdk", "sdk_v2"),
            ("LiveKit", "livekit_v2"),
            ("1.0.30", "incumbent_v2"),
        )
    )
    return (
        f"* **Converting a 20 ms frame** of 48 kHz stereo takes {balanced:.1f} µs: {soxr / balanced:.0f}"
        f" times as fast as numpy and soxr HQ, {resampler / balanced:.0f} times as fast as audio-resampler,"
        " and nothing folds back into the band below 7.2 kHz.\n"
        f"* **A live Flux stream** takes {cpu_ms('flux_session'):.2f} ms of CPU for each second of audio,"
        f" {cpu_ms('stt_v2'):.2f} ms as `DeepgramSTTV2`, at {_COMPARED_AT} streams in one process."
        f" Other clients take this many times as much as the session: {others}.\n"
        f"* **One core.** {capacity()}\n"
        f"* **Memory** of a live stream while somebody speaks: {memory()}.\n"
        f"* **Where 1.0.30 is cheaper.** {dearer()}\n"
    )


def plugin_cost() -> str:
    """Known limits of the plugin."""
    return f"{dearer()}\n"


def dearer() -> str:
    """Compare with 1.0.30 where it takes less."""
    stt, tts = (
        f"{cpu_ms(ours):.2f} ms of CPU for each second of audio; 1.0.30 takes {cpu_ms(theirs):.2f}"
        for ours, theirs in (("stt", "incumbent_v1"), ("tts", "incumbent_tts"))
    )
    words = (
        f"At {_COMPARED_AT} streams `DeepgramSTT` that sends 48 kHz stereo unchanged takes {stt}, but keeps"
        f" no audio for a replay. With `downmix=True, target_sample_rate=16000` `DeepgramSTT` takes"
        f" {cpu_ms('stt_mono'):.2f} and sends a sixth of the bytes."
    )
    return f"{words} `DeepgramTTS` takes {tts}." if cpu_ms("tts") > cpu_ms("incumbent_tts") else words


def capacity() -> str:
    """How many streams kept pace on one core, and how late their frames were."""
    sessions, plugin = most("flux_session"), most("stt_v2")
    late = figure("flux_session", sessions, "lateness", "p99")
    held = max(run["held_frames"] for run in runs_of("flux_session", sessions)) * 20
    words = (
        f"{sessions} live `ListenV2Session` kept pace and sent 99 % of the frames within {late:.0f} ms;"
        f" {plugin} `DeepgramSTTV2` kept pace"
    )
    if late_at := [count for count in stream_counts() if count > plugin and behind("stt_v2", count)]:
        words += f", {late_at[0]} did not"
    return f"{words}. Each message also waits {held} ms for one more frame, because of the filter's delay."


def memory() -> str:
    """KiB for each stream, by class."""
    named = (
        ("flux_session", "`ListenV2Session`"),
        ("listen_session", "`ListenV1Session`"),
        ("tts", "`DeepgramTTS`"),
    )
    return ", ".join(
        f"{figure(name, _COMPARED_AT, 'memory_kib'):.0f} KiB for {title}" for name, title in named
    )


def servers() -> str:
    """Each server with the most calls that it kept pace with, of those tried, by kind of call."""
    found = json.loads((REPORTS / "server.json").read_text(encoding="utf-8"))
    results = [ServerResult.read(one) for one in found]
    parts = []
    for kind in KINDS.values():
        tried = [
            [one for one in results if (one.kind, one.contender) == (kind.name, name)] for name in SERVERS
        ]
        rows = [server_row(runs) for runs in tried if runs]
        parts.append(f"{kind.title}:\n\n{table(SERVER_HEAD, rows)}")
    return "\n".join(parts)


def server_row(runs: Sequence[ServerResult]) -> Sequence[str]:
    """The figures of one server: of the run with the most calls in which it kept pace and was right."""
    right = [run for run in runs if run.keeps_pace and not run.faults]
    if not right:
        fewest = min(run.calls for run in runs)
        return (SERVERS[runs[0].contender].title, f"not even {fewest}", "-", "cannot keep pace", "-", "-")
    best = max(right, key=lambda run: run.calls)
    return (
        SERVERS[best.contender].title,
        f"{best.calls:,}",
        f"{best.cpu_ms:.2f}",
        f"{best.wire_ms['p99']:.0f} ms",
        f"{best.first_ms['p50']:.0f} / {best.first_ms['p99']:.0f} ms",
        f"{best.live_kib - best.open_kib:.0f} + {best.open_kib:.0f}",
    )


def soak() -> str:
    """The soak's outcome in a sentence."""
    report = (REPORTS / "soak.md").read_text(encoding="utf-8")
    streams, minutes = re.findall(r": (\d+) live streams in one process for ([\d.]+) minutes", report)[0]
    totals = [line.strip("|").split("|") for line in report.splitlines() if line.startswith("| all |")]
    units, delivered, missing, doubled = (int(cell) for cell in totals[0][2:6])
    incomplete, killed = int(totals[0][9]), int(totals[1][1])
    reported = f" (reported by the {incomplete} call that ended incomplete)" if missing and incomplete else ""
    return (
        f"{float(minutes):.0f} minutes of {streams} streams, {killed:,} connections killed: of {units:,}"
        f" numbered pieces of audio {delivered:,} arrived, {missing} were missing{reported}, {doubled} came"
        " twice"
    )


def runs_of(contender: str, streams: int) -> Runs:
    """All rounds of one client at one number of streams."""
    found = json.loads((REPORTS / "streams.json").read_text(encoding="utf-8"))
    return [run for run in found if (run["contender"], run["streams"]) == (contender, streams)]


def figure(contender: str, streams: int, *names: str) -> float:
    """The median of the rounds."""
    values = []
    for run in runs_of(contender, streams):
        value: Any = run
        for name in names:
            value = value[name]
        values.append(float(value))
    if not values:
        raise KeyError(f"streams.json has no {contender} at {streams} streams")
    return median(values)


def cpu_ms(contender: str) -> float:
    """CPU for each second of one stream's audio."""
    return figure(contender, _COMPARED_AT, "cpu_ms")


def most(contender: str) -> int:
    """The largest number of streams with which a client kept pace."""
    kept = [count for count in stream_counts() if runs_of(contender, count) and not behind(contender, count)]
    return max(kept)


def stream_counts() -> list[int]:
    """With how many streams there are runs."""
    found = json.loads((REPORTS / "streams.json").read_text(encoding="utf-8"))
    return sorted({int(run["streams"]) for run in found})


def behind(contender: str, streams: int) -> bool:
    """Whether a client fell behind real time in any round."""
    return any(run["behind_s"] > TOO_LATE_S for run in runs_of(contender, streams))


def lateness(contender: str) -> str:
    """The 99th percentile from the frame to the wire, with what the client holds back."""
    if behind(contender, _COMPARED_AT):
        return "it falls behind"
    held = max(run["held_frames"] for run in runs_of(contender, _COMPARED_AT)) * 20
    p99 = figure(contender, _COMPARED_AT, "lateness", "p99")
    return f"{p99:.0f} ms" + (f" + {held} ms held back" if held else "")


def audio_report() -> tuple[list[str], dict[str, list[str]]]:
    """The head and the rows of the comparison in report.md, by the first cell."""
    lines = (REPORTS / "report.md").read_text(encoding="utf-8").splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("| converter |"))
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines[begin:] if line[:1] == "|"
    ]
    return cells[0], {row[0]: row for row in cells[2:]}


def digits(time: str) -> str:
    """Two digits are all that a time is good for."""
    value = float(time)
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def kilohertz(value: str) -> str:
    """With its unit, where it is a number."""
    return value if value == "nowhere" else f"{float(value):.1f} kHz"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


FIGURES: Mapping[str, Callable[[], str]] = {
    "live-streams": live_streams,
    "converters": converters,
    "evidence": evidence,
    "conclusions": conclusions,
    "plugin-cost": plugin_cost,
    "servers": servers,
    "livekit-cost": livekit_cost,
    "pipecat-cost": pipecat_cost,
    "server-limits": server_limits,
    "hundred-thousand": hundred_thousand,
    "rolling-and-cost": rolling_and_cost,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
