"""Many calls at once: a folder of recordings, played as live streams through one pool with one quota.

Example:
  python -m examples.many_calls                    (six synthesised calls, four connections, one is cut)
  python -m examples.many_calls recordings --speed 4 --quota 20 --live

A call that finds no connection free is kept and catches up; a connection that is lost is replaced, and what
no result had covered is sent again. The last line is the account: every second pushed was sent, or is told.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.live import Live

from examples.shared.calls import board, write_calls
from examples.shared.playing import FRAME_S, format_of, played
from examples.shared.service import Service, parser, run, service_of
from speechwire.audio import PcmPipeline
from speechwire.emulator import Reset
from speechwire.errors import SpeechwireError
from speechwire.protocol import ListenV2Options
from speechwire.protocol.listen_v2_events import TurnEvent, TurnInfo
from speechwire.session import ListenSettings, ListenV2Session, SessionEnded, SessionPool

BYTES_PER_S = 2 * 16_000  # what is sent: 16 kHz, 16 bit, mono


@dataclass
class Call:
    """One stream, and what is known of it."""

    name: str
    session: ListenV2Session
    pushed_s: float = 0.0
    heard_s: float = 0.0
    words: int = 0
    text: str = ""
    end: SessionEnded | None = None

    def hear(self, event: object) -> None:
        """Take one event of the session."""
        if isinstance(event, TurnInfo):
            self.heard_s = max(self.heard_s, event.audio_window_end)
            self.text = event.transcript or self.text
            self.words += len(event.transcript.split()) if event.event == TurnEvent.END_OF_TURN else 0
        elif isinstance(event, SessionEnded):
            self.end, self.heard_s = event, self.pushed_s

    def row(self) -> tuple[str, ...]:
        """Its line on the board."""
        state = "done" if self.end else "live" if self.session.connected else "waiting"
        lag_s = max(0.0, self.pushed_s - self.heard_s)
        again_s = self.session.stats().replayed_bytes / BYTES_PER_S
        figures = f"{self.pushed_s:.1f} s", f"{lag_s:.1f} s", str(self.words), f"{again_s:.1f} s"
        return self.name, str(self.session.error or state), self.text, *figures


def open_call(path: Path, pool: SessionPool, speed: float) -> Call:
    """Make a call's session; it connects with the first frame, as soon as the quota has room."""
    rate, channels = format_of(path)
    pipeline = PcmPipeline(rate, 16_000, channels, chunk_ms=80)
    # What had to wait is sent a quarter faster than it came: Deepgram asks for no more. The patience is for
    # an emulator whose machine has fewer cores than calls.
    settings = ListenSettings(
        replay_speed=1.25 * speed, buffer_s=120, drain_timeout_s=60, progress_timeout_s=15
    )
    session = pool.listen_v2(ListenV2Options(sample_rate=16_000), converter=pipeline, settings=settings)
    return Call(path.stem, session)


async def play(path: Path, call: Call, speed: float) -> None:
    """Push the recording at its pace, and close: that sends what is left and waits for the results."""
    try:
        async for block in played(path, speed):
            call.session.push(block)
            call.pushed_s += FRAME_S
    finally:
        await call.session.aclose()


async def follow(path: Path, call: Call, speed: float) -> None:
    """Play one call to its end; the failure of one is on the board, and no other call's business."""
    playing = asyncio.create_task(play(path, call, speed))
    try:
        async for event in call.session:
            call.hear(event)
    except SpeechwireError:
        playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)


async def listen_to(paths: Sequence[Path], service: Service, *, quota: int, speed: float) -> list[Call]:
    """Play all the recordings at once through one pool, and show what becomes of them."""
    async with SessionPool(service.api_key, base_url=service.base_url, max_listen=quota) as pool:
        calls = [open_call(path, pool, speed) for path in paths]
        with Live(get_renderable=lambda: board(call.row() for call in calls), refresh_per_second=8):
            await asyncio.gather(*map(follow, paths, calls, [speed] * len(calls)))
        stats = pool.snapshot().listen
    pushed_s = sum(call.end.pushed_s for call in calls if call.end)
    again_s, lost_s = stats.replayed_bytes / BYTES_PER_S, stats.lost_bytes / BYTES_PER_S
    print(f"\n{len(calls)} calls over {stats.connections} connections, {sum(c.words for c in calls)} words")
    print(f"{pushed_s:.2f} s pushed = {stats.sent_s - again_s:.2f} s sent + {lost_s:.2f} s dropped", end="")
    print(f"; {again_s:.2f} s were sent again")
    return calls


async def main() -> int:
    """Play the folder given, or calls made for the purpose."""
    arguments = parser("examples.many_calls", __doc__)
    arguments.add_argument("folder", nargs="?", type=Path, help="of 16 bit WAV files; default: synthesised")
    arguments.add_argument("--quota", type=int, default=4, help="connections at once (default: %(default)s)")
    arguments.add_argument("--speed", type=float, default=1.0, help="times real pace (default: %(default)s)")
    given = arguments.parse_args()
    with TemporaryDirectory() as made:
        paths = sorted((given.folder or write_calls(Path(made))).glob("*.wav"))
        faults = [] if given.folder else [Reset(at_s=2.0, connections={1})]
        async with service_of(live=given.live, engine=given.engine, faults=faults) as service:
            print(f"{len(paths)} calls, {given.quota} connections at once, on the {service.name}\n")
            calls = await listen_to(paths, service, quota=given.quota, speed=given.speed)
    return 0 if calls and all(call.end and call.end.complete for call in calls) else 1


if __name__ == "__main__":
    sys.exit(run(main()))
