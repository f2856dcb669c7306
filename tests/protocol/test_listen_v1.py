"""Nova: control frames and what is kept of results."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import pytest

from speechwire.errors import InvalidArgument, InvalidArgumentType, LocalProtocolError
from speechwire.protocol import ListenV1, ListenV1Options


def _results(end_s: float, channel_index: list[int], **fields: Any) -> str:
    message = {"start": 0, "duration": end_s, "channel_index": channel_index, "channel": {"alternatives": []}}
    return json.dumps({"type": "Results", **message, **fields})


def test_frames() -> None:
    protocol = ListenV1(ListenV1Options(channels=2, multichannel=True))
    assert protocol.keep_alive() == '{"type":"KeepAlive"}'
    assert protocol.finalize() == '{"type":"Finalize"}'
    assert protocol.finalize(0) == '{"type":"Finalize","channel":0}'
    assert protocol.finalize(channel=1) == '{"type":"Finalize","channel":1}'
    assert (
        protocol.configure(keyterms=["Kværner", "order number"], features={"numerals": True})
        == '{"type":"Configure","keyterms":["Kværner","order number"],"features":{"numerals":true}}'
    )


@pytest.mark.parametrize("channel", [2, -1])
def test_there_is_no_such_channel(channel: int) -> None:
    with pytest.raises(InvalidArgument, match="channel must be from 0 to 1"):
        ListenV1(ListenV1Options(channels=2)).finalize(channel)


def test_features_alone() -> None:
    assert (
        ListenV1().configure(features={"numerals": False})
        == '{"type":"Configure","features":{"numerals":false}}'
    )


def test_what_cannot_be_configured() -> None:
    nova_2 = ListenV1(ListenV1Options(model="nova-2"))
    with pytest.raises(
        InvalidArgument, match="^keyterms must be None for nova-2; only Nova-3 has keyterms, got '1 terms'$"
    ):
        nova_2.configure(keyterms=["a"])
    assert nova_2.configure(features={"numerals": True})
    nova_3 = ListenV1()
    with pytest.raises(
        InvalidArgument, match="^keyterms must be at most 500 tokens in all, got 'at least 501 tokens'$"
    ):
        nova_3.configure(keyterms=["a"] * 501)
    with pytest.raises(InvalidArgumentType, match="^keyterms must be a sequence of str, got str$"):
        nova_3.configure(keyterms="Oslo")
    with pytest.raises(InvalidArgumentType, match="^features must be a mapping of names to bool, got list$"):
        nova_3.configure(features=["numerals"])  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentType, match=r"^features\['numerals'\] must be a bool, got str$"):
        nova_3.configure(features={"numerals": "yes"})  # type: ignore[dict-item]
    assert nova_3.configure(keyterms=["Oslo"])  # nothing waits for an answer


@pytest.mark.parametrize(
    ("error", "answers"),
    [
        ({"variant": "InvalidConfigureMessage", "code": "KeytermsNotSupported"}, True),
        ({"variant": "SchemaError", "message": '{"type":"Configure","features":{}}'}, True),
        ({"variant": "SchemaError", "message": '{"type":"KeepAlife"}'}, False),
        ({"code": 400}, False),
    ],
)
def test_services_that_refuse_a_configure_by_an_error(error: dict[str, Any], answers: bool) -> None:
    protocol = ListenV1()
    protocol.configure(keyterms=["a"])
    (event,) = protocol.receive(json.dumps({"type": "Error", **error}))
    assert type(event).__name__ == "Error"
    with nullcontext() if answers else pytest.raises(LocalProtocolError, match="another one waits"):
        protocol.configure(keyterms=["b"])


def test_the_slowest_channel_decides_what_is_final() -> None:
    protocol = ListenV1(ListenV1Options(channels=2, multichannel=True))
    protocol.send_audio(bytes(64000 * 10))
    steps = [
        ([0, 2], 3.0, True, 0.0),
        ([1, 2], 4.0, False, 0.0),
        ([1, 2], 2.0, True, 2.0),
        ([1, 2], 5.0, True, 3.0),
        ([0, 2], 1.0, True, 3.0),
        ([0, 2], 6.0, True, 5.0),
    ]
    for channel_index, end_s, final, final_s in steps:
        protocol.receive(_results(end_s, channel_index, is_final=final))
        assert protocol.final_s == final_s
    assert protocol.progress_s == 6.0


@pytest.mark.parametrize("channel_index", [[], [0], [0, 1], [0, 0], [0, -3]])
def test_one_channel_however_it_is_said(channel_index: list[int]) -> None:
    protocol = ListenV1()
    protocol.send_audio(bytes(32000 * 5))
    protocol.receive(_results(4.0, channel_index, is_final=True))
    assert protocol.final_s == 4.0


def test_the_request_id_is_in_the_results_and_in_the_summary() -> None:
    protocol = ListenV1()
    protocol.receive(_results(1.0, [0, 1], metadata={"request_id": "abc"}))
    assert protocol.request_id == "abc"
    protocol.receive('{"type":"Metadata","request_id":"def"}')
    assert protocol.request_id == "def"
    protocol.receive('{"type":"Metadata"}')
    assert protocol.request_id == "def"
