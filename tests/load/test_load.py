"""The load generator: it counts what is lost and what comes twice, on paper and against a real server."""

from __future__ import annotations

import json
import random
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")
from tests.server.serving import serving

from speechwire.emulator.tagged import word_sample
from speechwire.errors import InvalidArgument
from speechwire.load import DIALECTS, Load, Result, picture
from speechwire.load import dialects as load_dialects
from speechwire.load._wire import BINARY, PING, TEXT, Frames
from speechwire.load.ledger import MOST_WORDS, TURN_WORDS, Ledger, Script


def said(first: int, turns: int) -> list[list[int]]:
    return [
        [(first + turn * TURN_WORDS + word) % MOST_WORDS + 1 for word in range(TURN_WORDS)]
        for turn in range(turns)
    ]


def heard(ledger: Ledger, turns: Sequence[Sequence[int]]) -> None:
    for turn in turns:
        ledger.turn_heard(" ".join(map(str, turn)), 0.0)


@given(st.integers(0, 99), st.integers(1, 20), st.randoms(use_true_random=False))
def test_every_word_left_out_is_counted_and_every_word_that_comes_twice(
    first: int, turns: int, chance: random.Random
) -> None:
    ledger, lost, twice = Ledger(first), 0, 0
    for turn in said(first, turns):
        ledger.turn_said(0.0)
        if chance.random() < 0.2:
            lost += len(turn)
            continue
        kept = [word for word in turn if chance.random() < 0.9]
        again = kept[-2:] if chance.random() < 0.2 else []
        lost, twice = lost + len(turn) - len(kept), twice + len(again)
        if lost - ledger.lost >= MOST_WORDS // 2:
            return  # a gap that long is known modulo 100 alone
        heard(ledger, [kept, again])
    ledger.settle()
    assert (ledger.lost, ledger.twice, ledger.words) == (lost, twice, turns * TURN_WORDS)
    assert ledger.heard == ledger.words - lost


def test_a_turn_is_late_by_what_passed_since_its_last_sound() -> None:
    ledger = Ledger(0)
    ledger.turn_said(10.0)
    one, other = (" ".join(map(str, turn)) for turn in said(0, 2))
    assert ledger.turn_heard(one, 10.4) == pytest.approx(0.4)
    ledger.turn_said(13.0)
    assert ledger.turn_heard(other[: len(other) // 2].rsplit(" ", 1)[0], 13.1) is None  # not whole


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_a_script_says_each_word_once_and_in_order(dialect: load_dialects.Dialect) -> None:
    script = Script(dialect.frame_ms, 98)
    words = [script.word(index) for index in range(2 * (TURN_WORDS * 240 + 1200) // dialect.frame_ms)]
    changes = [word for before, word in zip([0, *words], words, strict=False) if word != before and word]
    assert changes == sum(said(98, 2), [])
    assert sum(map(script.turn_ended, range(len(words)))) == 2
    assert [script.words_said(frames) for frames in (0, len(words) // 2, len(words))] == [0, 8, 16]


def test_words_sound_as_the_emulator_hears_them() -> None:
    words = range(1, MOST_WORDS + 1)
    assert [*map(load_dialects.word_sample, words)] == [*map(word_sample, words)]


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING]), st.binary(max_size=300))), st.data())
def test_frames_are_the_same_wherever_they_were_cut(sent: list[tuple[int, bytes]], data: Any) -> None:
    stream = b"".join(
        bytes([0x80 | opcode])
        + (bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big"))
        + payload
        for opcode, payload in sent
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    frames, found = Frames(), []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += frames.feed(stream[begin:end])
    assert found == sent


def test_a_frame_of_a_size_nobody_sends_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        Frames().feed(b"\x81\x7f" + (1 << 40).to_bytes(8, "big"))


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_calls_are_counted_to_the_word(dialect: str) -> None:
    async with serving(engine="tagged", keep_audio=False) as served:
        result = await Load(served.url, dialect=dialect, calls=3, seconds=4.0).run()
    assert (result.answered, result.refused, result.ended) == (3, {}, {})
    assert result.is_counted and result.is_whole
    assert result.words >= 3 * TURN_WORDS and (result.lost, result.twice) == (0, 0)
    assert result.turn.count >= 3 and result.turn.p50 > 0
    assert result.moments and result.moments[-1].calls == 3


async def test_refused_calls_are_counted_and_are_no_failure() -> None:
    async with serving(engine="tagged", keep_audio=False, max_calls=2) as served:
        result = await Load(served.url, calls=5, seconds=2.0).run()
    assert (result.answered, result.refused) == (2, {"503": 3})
    assert result.is_whole


async def test_without_the_tagged_engine_words_are_not_counted() -> None:
    async with serving(keep_audio=False) as served:
        result = await Load(served.url, calls=1, seconds=2.0).run()
    assert not result.is_counted and result.is_whole


async def test_nobody_there_is_a_refusal() -> None:
    result = await Load("http://127.0.0.1:9", calls=2, seconds=1.0).run()
    assert result.answered == 0 and result.refused.total() == 2


@pytest.mark.parametrize(
    ("argument", "value"),
    [("dialect", "morse"), ("calls", 0), ("calls", 10_001), ("seconds", 0.5), ("per_second", 0.0)],
)
async def test_what_cannot_be_is_refused(argument: str, value: Any) -> None:
    with pytest.raises(InvalidArgument, match=argument):
        Load("http://127.0.0.1:1", **{argument: value})


def test_the_picture_is_svg_and_says_what_was_lost() -> None:
    result = Result("twilio", 2, 3.0, answered=2, words=16, heard=15, lost=1, turns=[(1.0, 0.4), (2.0, 0.5)])
    drawn = picture([result, Result("twilio", 1, 1.0)])
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert "1 of 16 words lost" in drawn and drawn.count("<circle") == 2
    assert json.dumps(result.as_dict())


def test_refusals_are_in_the_json_as_they_are_counted() -> None:
    result = Result("twilio", 3, 1.0)
    result.refused.update({"503": 2})
    result.ended.update({"1006": 1})
    rows = json.loads(json.dumps(result.as_dict()))
    assert rows["refused"] == {"503": 2} and rows["ended"] == {"1006": 1}


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://[::1", "ftp://127.0.0.1", "http://"])
async def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument, match="url"):
        Load(url)
