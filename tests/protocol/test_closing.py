"""What a client does with each ending, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.protocol.closing import SUMMARY, ask_to_end

from speechwire.errors import ConnectionLost
from speechwire.protocol import (
    Endpoint,
    ListenV1,
    ListenV1Options,
    ListenV2,
    ListenV2Options,
    State,
)

Make = Callable[[str], Endpoint[Any]]

ALL = ("ListenV1", "ListenV2", "SpeakV1", "SpeakV2")
LISTEN = ("ListenV1", "ListenV2")
SPEAK = ("SpeakV1", "SpeakV2")
ENDS = (1000, 1005, 1006)

# Endpoints, code, reason, kind: without our own close message.
UNASKED = [
    (ALL, 1000, "", "transient"),
    (ALL, 1001, "going away", "transient"),
    (ALL, 1002, "", "transient"),
    (ALL, 1002, "DATA-0000", "permanent"),
    (ALL, 1003, "MESSAGE-0000", "permanent"),
    (ALL, 1003, "", "permanent"),
    (ALL, 1005, "", "transient"),
    (ALL, 1006, "", "transient"),
    (ALL, 1007, "", "permanent"),
    (ALL, 1008, "", "permanent"),
    (ALL, 1008, "DATA-0000", "permanent"),
    (ALL, 1008, "The payload cannot be decoded. See https://dpgr.am/data0000", "permanent"),
    (SPEAK, 1008, "DATA-0001", "throttle"),
    (LISTEN, 1008, "DATA-0001", "permanent"),
    (ALL, 1008, "DATA-0002", "permanent"),
    (ALL, 1009, "", "permanent"),
    (ALL, 1009, "BIG-0000", "permanent"),
    (ALL, 1009, "BIG-0001", "permanent"),
    (ALL, 1011, "", "transient"),
    (ALL, 1011, "keepalive ping timeout", "transient"),
    (ALL, 1011, "NET-0000", "transient"),
    (ALL, 1011, "Deepgram did not provide a response message. See https://dpgr.am/net0000", "transient"),
    (LISTEN, 1011, "NET-0001", "idle"),
    (LISTEN, 1011, "Deepgram did not receive audio data. See https://dpgr.am/net0001", "idle"),
    (LISTEN, 1011, "see dpgr.am/NET0001", "idle"),
    (SPEAK, 1011, "NET-0001", "transient"),
    (ALL, 1011, "NET-0002", "transient"),
    (ALL, 1011, "NET-0003", "rotation"),
    (ALL, 1011, "NET-0004", "idle"),
    (ALL, 1011, "NET-9999", "transient"),
    (ALL, 1008, "NET-9999", "permanent"),
    (ALL, 1012, "", "transient"),
    (ALL, 1013, "try again later", "transient"),
    (ALL, 4000, "", "transient"),
]


@pytest.mark.parametrize(
    ("name", "code", "reason", "kind"),
    [(name, code, reason, kind) for names, code, reason, kind in UNASKED for name in names],
)
def test_an_end_nobody_asked_for(name: str, code: int, reason: str, kind: str, make: Make) -> None:
    closed = make(name).receive_close(code, reason)
    assert (closed.code, closed.reason, closed.kind) == (code, reason, kind)
    assert isinstance(closed.error, ConnectionLost)
    assert closed.error.retryable is (kind != "permanent")
    assert reason in str(closed.error)


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("NET-0001", "NET-0001"),
        ("https://dpgr.am/net0001", "NET-0001"),
        ("big0000!", "BIG-0000"),
        ("MESSAGE-0000: no", "MESSAGE-0000"),
        ("planet0001", None),
        ("NET-00011", None),
        ("NET-001", None),
        ("", None),
    ],
)
def test_deepgrams_code_is_found_in_a_reason(reason: str, found: str | None, make: Make) -> None:
    assert make("ListenV1").receive_close(1011, reason).deepgram_code == found


# Endpoint, whether the last message had come, code, kind: after our own close message and nothing before it.
ASKED = [
    *((name, summary, 1000, "success") for name in ALL for summary in (False, True)),
    *((name, False, code, "success") for name in LISTEN for code in (1005, 1006)),
    ("ListenV1", True, 1011, "transient"),
    ("ListenV2", False, 1011, "transient"),
    ("SpeakV1", False, 1005, "success"),
    ("SpeakV1", False, 1006, "success"),
    ("SpeakV1", False, 1009, "permanent"),
    ("SpeakV2", False, 1005, "transient"),
    ("SpeakV2", True, 1005, "success"),
    ("SpeakV2", True, 1006, "success"),
    ("SpeakV2", False, 1006, "transient"),
]


@pytest.mark.parametrize(("name", "summary", "code", "kind"), ASKED)
def test_the_end_we_asked_for(name: str, summary: bool, code: int, kind: str, make: Make) -> None:
    protocol = make(name)
    ask_to_end(protocol)
    assert protocol.state is State.CLOSING
    if summary and name in SUMMARY:
        protocol.receive(SUMMARY[name])
    closed = protocol.receive_close(code)
    assert closed.kind == kind
    assert (closed.error is None) is (kind == "success")


RESULTS = '{"type":"Results","duration":%g,"is_final":%s,"channel":{"alternatives":[]}}'
FINAL, INTERIM = ("ListenV1", RESULTS.replace("%s", "true")), ("ListenV1", RESULTS.replace("%s", "false"))
UPDATE = (
    "ListenV2",
    '{"type":"TurnInfo","event":"Update","turn_index":0,"audio_window_start":0,"audio_window_end":%g,'
    '"transcript":""}',
)

# What came last, up to where (of the 2 s sent), code, kind.
HEARD = [
    *(
        (which, end_s, code, "success")
        for which, least_s in ((FINAL, 1.91), (UPDATE, 1.71))
        for end_s in (least_s, 2, 2.1)
        for code in ENDS
    ),
    # Nor is a service believed that claims more than was sent.
    *(
        (which, end_s, code, "transient")
        for which, most_s in ((FINAL, 1.9), (UPDATE, 1.7))
        for end_s in (0, most_s, 2.11, 9)
        for code in ENDS
    ),
    *((INTERIM, 2, code, "transient") for code in ENDS),
    *((which, 2, code, "transient") for which in (FINAL, UPDATE) for code in (1001, 1011, 1012)),
]


@pytest.mark.parametrize(("which", "end_s", "code", "kind"), HEARD)
@pytest.mark.parametrize("late", [False, True])
def test_only_results_that_reach_the_end_make_it_a_success(
    which: tuple[str, str], end_s: float, code: int, kind: str, late: bool, make: Make
) -> None:
    """A bare close says nothing about the audio, whether the last result came before we asked or after."""
    name, message = which
    protocol: Any = make(name)
    protocol.send_audio(bytes(2 * 32_000))
    if not late:
        protocol.receive(message % end_s)
    ask_to_end(protocol)
    if late:
        protocol.receive(message % end_s)
    assert protocol.receive_close(code).kind == kind


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        ([], "transient"),
        (["Update"], "transient"),
        (["EndOfTurn"], "success"),
        (["Update", "EndOfTurn", "Update"], "success"),
        (["Warning"], "success"),
        (["Other"], "transient"),
    ],
)
def test_the_end_of_a_turn_that_was_asked_for_has_to_come(after: list[str], kind: str, make: Make) -> None:
    protocol: Any = make("ListenV2")
    protocol.send_audio(bytes(2 * 32_000))
    protocol.receive(UPDATE[1].replace("Update", "StartOfTurn") % 2)
    protocol.force_end_turn()
    ask_to_end(protocol)
    for event in after:
        if event in ("Warning", "Other"):
            code = "FORCE_END_TURN_NO_ACTIVE_TURN" if event == "Warning" else "OTHER"
            protocol.receive(f'{{"type":"Warning","code":"{code}"}}')
        else:
            protocol.receive(UPDATE[1].replace("Update", event) % 2)
    assert protocol.receive_close(1005).kind == kind


def test_the_slowest_channel_has_to_reach_the_end() -> None:
    protocol = ListenV1(ListenV1Options(channels=2, multichannel=True))
    protocol.send_audio(bytes(2 * 64_000))
    for channel, end_s in ((0, 2.0), (1, 1.0)):
        result = RESULTS.replace('"type"', f'"channel_index":[{channel},2],"type"') % (end_s, "true")
        protocol.receive(result)
    protocol.close_stream()
    assert protocol.receive_close(1000).kind == "transient"


@pytest.mark.parametrize("code", [1000, 1005, 1006])
def test_the_summary_is_the_last_word(code: int, make: Make) -> None:
    protocol: Any = make("ListenV1")
    protocol.send_audio(bytes(2 * 32_000))
    ask_to_end(protocol)
    protocol.receive(SUMMARY["ListenV1"])
    assert protocol.receive_close(code).kind == "success"


@pytest.mark.parametrize("code", ENDS)
def test_a_fragment_of_a_summary_proves_nothing(code: int, make: Make) -> None:
    protocol: Any = make("ListenV1")
    protocol.send_audio(bytes(2 * 32_000))
    ask_to_end(protocol)
    metadata, junk = protocol.receive('{"type":"Metadata","duration":"long"}')
    assert (metadata.duration, junk.reason) == (0.0, "left out of it: Metadata.duration")
    assert protocol.receive_close(code).kind == "transient"


@pytest.mark.parametrize("name", SUMMARY)
def test_a_summary_before_our_close_message_proves_nothing(name: str, make: Make) -> None:
    protocol: Any = make(name)
    if name == "ListenV1":
        protocol.send_audio(bytes(2 * 32_000))
    protocol.receive(SUMMARY[name])
    ask_to_end(protocol)
    assert protocol.receive_close(1005).kind == "transient"


COMPRESSED: dict[str, Callable[[], Any]] = {
    "ListenV1": lambda: ListenV1(ListenV1Options(encoding="opus")),
    "ListenV2": lambda: ListenV2(ListenV2Options(encoding="ogg-opus", sample_rate=None)),
}


@pytest.mark.parametrize(
    ("name", "summary", "code", "kind"),
    [
        ("ListenV1", False, 1000, "success"),
        ("ListenV1", False, 1005, "transient"),
        ("ListenV1", False, 1006, "transient"),
        ("ListenV1", True, 1005, "success"),
        ("ListenV1", True, 1006, "success"),
        ("ListenV2", False, 1000, "success"),
        ("ListenV2", False, 1005, "success"),
        ("ListenV2", False, 1006, "transient"),
        ("ListenV2", False, 1011, "transient"),
    ],
)
def test_of_audio_of_unknown_length_the_code_has_the_word(
    name: str, summary: bool, code: int, kind: str
) -> None:
    protocol = COMPRESSED[name]()
    protocol.send_audio(bytes(1000))
    ask_to_end(protocol)
    if summary:
        protocol.receive(SUMMARY[name])
    assert protocol.receive_close(code).kind == kind
