"""Does through PyAV what the command line asks of ffmpeg, for machines that have no ffmpeg."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any


class Out:
    """Standard output, which cannot seek."""

    def write(self, data: bytes) -> int:
        sys.stdout.buffer.write(data)
        return len(data)


def main(arguments: Sequence[str]) -> int:
    av: Any = importlib.import_module("av")
    given = dict(zip(arguments, arguments[1:], strict=False))
    name = given["-i"]
    source = sys.stdin.buffer if name == "pipe:0" else name.removeprefix("file:")
    raw = "-ar" in given
    options = {"format_whitelist": given["-format_whitelist"]} if "-format_whitelist" in given else {}
    shape = {"format": "s16le", "options": {"sample_rate": given["-ar"]}} if raw else {"options": options}
    try:
        container = av.open(source, **shape)
        stream = container.streams.audio[0]
    except (av.error.FFmpegError, IndexError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    kind, codec = ("flac", "flac") if raw else ("wav", "pcm_f32le")
    with av.open(Out(), "w", format=kind) as out:
        target = out.add_stream(codec, rate=stream.rate, layout=stream.layout.name)
        target.codec_context.format = "s16" if raw else "flt"
        resampler = av.AudioResampler(
            format=target.codec_context.format, frame_size=target.frame_size or None
        )
        for frame in container.decode(stream):
            for piece in resampler.resample(frame):
                out.mux(target.encode(piece))
        for piece in [*resampler.resample(None), None]:
            out.mux(target.encode(piece))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
