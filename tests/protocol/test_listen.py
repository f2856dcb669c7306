"""What both listen protocols share: audio, coverage, one Configure at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.errors import InvalidArgument, InvalidArgumentType, LocalProtocolError
from speechwire.protocol import ListenV1, ListenV1Options, ListenV2, ListenV2Options

Listen = ListenV1 | ListenV2

LISTEN: list[type[Listen]] = [ListenV1, ListenV2]


@pytest.fixture(params=LISTEN)
def listen(request: pytest.FixtureRequest) -> Listen:
    protocol: Listen = request.param()
    return protocol


def test_audio_goes_as_it_is(listen: Listen) -> None:
    pcm = b"\x01\x02\x03\x04"
    assert listen.send_audio(pcm) is pcm
    assert listen.send_audio(bytearray(pcm)) == pcm
    assert listen.send_audio(memoryview(pcm)[1:3]) == pcm[1:3]


@pytest.mark.parametrize("empty", [b"", bytearray(), memoryview(b"")])
def test_an_empty_frame_would_end_the_stream(listen: Listen, empty: bytes) -> None:
    with pytest.raises(InvalidArgument, match="^pcm must be at least one byte, got b''$"):
        listen.send_audio(empty)


def test_audio_is_bytes(listen: Listen) -> None:
    with pytest.raises(InvalidArgumentType, match=r"^pcm must be bytes-like, got str$"):
        listen.send_audio("1234")  # type: ignore[arg-type]


@given(pieces=st.lists(st.binary(min_size=1, max_size=700), max_size=30))
def test_the_audio_sent_is_exact_however_it_was_cut(pieces: list[bytes]) -> None:
    protocol = ListenV1(ListenV1Options(sample_rate=44100, channels=2))
    for piece in pieces:
        protocol.send_audio(piece)
    assert protocol.sent_s == len(b"".join(pieces)) // 4 / 44100


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        (ListenV1Options(), 1.0),
        (ListenV1Options(sample_rate=8000, channels=2), 1.0),
        (ListenV1Options(encoding="linear32"), 0.5),
        (ListenV1Options(encoding="mulaw", sample_rate=8000), 4.0),
        (ListenV1Options(encoding="alaw", sample_rate=8000, channels=4), 1.0),
        (ListenV1Options(encoding="opus"), 0.0),
        (ListenV1Options(encoding="flac"), 0.0),
        (ListenV1Options(encoding=None), 0.0),
        (ListenV2Options(), 1.0),
        (ListenV2Options(encoding="mulaw", sample_rate=16000), 2.0),
        (ListenV2Options(encoding="ogg-opus", sample_rate=None), 0.0),
        (ListenV2Options(encoding=None), 0.0),
    ],
)
def test_the_length_of_the_audio(options: Any, seconds: float) -> None:
    protocol: Listen = ListenV1(options) if isinstance(options, ListenV1Options) else ListenV2(options)
    protocol.send_audio(bytes(32000))
    assert protocol.sent_s == seconds


def _result(protocol: Listen, end_s: float, *, final: bool) -> str:
    if isinstance(protocol, ListenV1):
        return json.dumps(
            {
                "type": "Results",
                "start": 0,
                "duration": end_s,
                "is_final": final,
                "channel": {"alternatives": []},
            }
        )
    return json.dumps(
        {
            "type": "TurnInfo",
            "event": "EndOfTurn" if final else "Update",
            "turn_index": 0,
            "audio_window_start": 0,
            "audio_window_end": end_s,
            "transcript": "",
        }
    )


def test_coverage_follows_the_results(listen: Listen) -> None:
    listen.send_audio(bytes(32000 * 10))
    assert (listen.final_s, listen.progress_s) == (0.0, 0.0)
    for end_s, final, expected in [
        (1, False, (0, 1)),
        (2, True, (2, 2)),
        (1.5, False, (2, 2)),
        (3, False, (2, 3)),
    ]:
        listen.receive(_result(listen, end_s, final=final))
        assert (listen.final_s, listen.progress_s) == expected


@pytest.mark.parametrize("protocol_type", LISTEN)
@given(
    results=st.lists(st.tuples(st.floats(-1e308, 1e308), st.booleans(), st.integers(0, 3200)), max_size=20)
)
def test_coverage_never_falls_and_never_exceeds_what_was_sent(
    protocol_type: type[Listen], results: list[tuple[float, bool, int]]
) -> None:
    protocol = protocol_type()
    before = (0.0, 0.0)
    for end_s, final, size in results:
        if size:
            protocol.send_audio(bytes(size))
        protocol.receive(_result(protocol, end_s, final=final))
        now = (protocol.final_s, protocol.progress_s)
        assert before[0] <= now[0] <= now[1] <= protocol.sent_s
        assert before[1] <= now[1]
        before = now


def test_coverage_of_audio_of_unknown_length() -> None:
    protocol = ListenV2(ListenV2Options(encoding=None))
    protocol.receive(_result(protocol, 7.5, final=True))
    assert protocol.final_s == 7.5


@pytest.mark.parametrize("answer", ["ConfigureSuccess", "ConfigureFailure", None])
def test_one_configure_at_a_time(listen: Any, answer: str | None) -> None:
    listen.configure(keyterms=["Oslo"])
    with pytest.raises(
        LocalProtocolError,
        match="^cannot send Configure: another one waits for its answer, send one at a time$",
    ):
        listen.configure(keyterms=[])
    if answer:
        listen.receive(json.dumps({"type": answer, "request_id": "abc"}))
        assert listen.request_id == "abc"
    else:
        listen.give_up_configure()
    assert listen.configure(keyterms=[]) == '{"type":"Configure","keyterms":[]}'


def test_a_configure_changes_something(listen: Listen) -> None:
    with pytest.raises(InvalidArgument) as refused:
        listen.configure()
    assert str(refused.value) == "configure must be at least one thing to change, got 'nothing'"
    assert listen.configure(keyterms=[])


def test_close_stream(listen: Listen) -> None:
    assert listen.close_stream() == '{"type":"CloseStream"}'
