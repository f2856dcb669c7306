"""Live captions of a WAV file with Nova: interim results in place, finals for good, subtitles at the end.

Example:
  python -m examples.captioner talk.wav --out talk.srt
  python -m examples.captioner                 (a synthesised talk, captions.vtt)
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from examples.shared.playing import format_of, played
from examples.shared.service import Service, parser, run, service_of
from examples.shared.voice import write_talk
from speechwire.audio import PcmPipeline
from speechwire.protocol import ListenV1Options
from speechwire.protocol.listen_v1_events import Results
from speechwire.session import ListenV1Session, Reconnecting, SessionEnded

TALK = (
    "good morning everybody",
    "the president will speak tonight",
    "the football season begins next week",
    "tomorrow will be a warm and sunny day",
)


@dataclass(frozen=True)
class Caption:
    """A line of subtitles; times in seconds from the beginning of the file."""

    start_s: float
    end_s: float
    text: str


async def captions_of(path: Path, service: Service) -> list[Caption]:
    """Play a WAV file at real pace as a microphone would, and show what is heard as it is heard."""
    captions = []
    rate, channels = format_of(path)
    pipeline = PcmPipeline(rate, 16_000, channels, chunk_ms=100)
    options = ListenV1Options(model="nova-3", interim_results=True, smart_format=True)
    async with ListenV1Session(
        service.api_key, options, converter=pipeline, base_url=service.base_url
    ) as session:
        playing = asyncio.create_task(play(path, session))
        async for event in session:
            if isinstance(event, Results) and event.transcript:
                show(event)
                captions += [caption_of(event)] if event.is_final else []
            elif isinstance(event, Reconnecting):
                print(f"trying again in {event.delay_s:.1f} s: {event.error}", file=sys.stderr)
            elif isinstance(event, SessionEnded) and not event.complete:
                print(f"{event.dropped_s:.2f} s were lost, and the last words may be", file=sys.stderr)
        await playing
    return captions


async def play(path: Path, session: ListenV1Session) -> None:
    """Push audio as it comes, then close: `aclose` waits for the last results."""
    try:
        async for block in played(path):
            session.push(block)
    finally:
        await session.aclose()


def caption_of(results: Results) -> Caption:
    """A final result from its first word to its last."""
    words = results.channel.alternatives[0].words
    return Caption(words[0].start, words[-1].end, results.transcript)


def show(results: Results) -> None:
    """An interim result is overwritten by what follows it; a pipe gets the finals alone."""
    if results.is_final:
        caption = caption_of(results)
        clear = "\r\x1b[2K" if sys.stdout.isatty() else ""
        print(f"{clear}{stamp(caption.start_s)}  {caption.text}", flush=True)
    elif sys.stdout.isatty():
        print(f"\r\x1b[2K{' ' * 14}\x1b[2m{results.transcript[-60:]}\x1b[0m", end="", flush=True)


def subtitles(captions: list[Caption], suffix: str) -> str:
    """SubRip for ``.srt``, else WebVTT."""
    srt = suffix == ".srt"
    mark = "," if srt else "."
    blocks = [] if srt else ["WEBVTT\n"]
    for number, caption in enumerate(captions, 1):
        times = f"{stamp(caption.start_s, mark)} --> {stamp(caption.end_s, mark)}"
        blocks.append(f"{number}\n{times}\n{caption.text}\n" if srt else f"{times}\n{caption.text}\n")
    return "\n".join(blocks)


def stamp(seconds: float, mark: str = ".") -> str:
    """``00:01:02.345``."""
    minutes, ms = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}{mark}{ms % 1000:03}"


async def main() -> int:
    """Caption the file given, or a talk made for the purpose."""
    arguments = parser("examples.captioner", __doc__)
    arguments.add_argument("file", nargs="?", type=Path, help="16 bit WAV file; default: a synthesised talk")
    arguments.add_argument("--out", type=Path, default=Path("captions.vtt"), help="a .vtt or .srt file")
    given = arguments.parse_args()
    with TemporaryDirectory() as folder:
        path = given.file or Path(folder) / "talk.wav"
        script = None if given.file else write_talk(path, TALK)
        async with service_of(live=given.live, engine=given.engine, script=script) as service:
            print(f"listening to {path.name} with the {service.name}\n")
            captions = await captions_of(path, service)
    given.out.write_text(subtitles(captions, given.out.suffix), encoding="utf-8")
    print(f"\n{len(captions)} captions in {given.out.resolve()}")
    return 0 if captions else 1


if __name__ == "__main__":
    sys.exit(run(main()))
