"""What the output track is given, and in what portions."""

from __future__ import annotations

from videosdk.plugins.deepgram._playback import Playback
from videosdk.plugins.deepgram._synthesis import Synthesis

TRACK_RATE = 24_000


class Track:
    """Notes each portion."""

    sample_rate = TRACK_RATE

    def __init__(self) -> None:
        self.portions: list[bytes] = []

    async def add_new_bytes(self, audio: bytes) -> None:
        self.portions.append(audio)


async def test_the_track_is_given_100_ms_at_most_at_once() -> None:
    """Its work grows with the square of what it is given."""

    async def began() -> None: ...

    track = Track()
    playback = Playback(Synthesis(), track, "linear16", TRACK_RATE, began)
    audio = b"".join(sample.to_bytes(2, "little") for sample in range(TRACK_RATE))
    await playback.write(audio)
    await playback.finish()
    assert [len(portion) for portion in track.portions] == [TRACK_RATE // 10 * 2] * 10
    assert b"".join(track.portions) == audio
