"""One request by itself: the states it goes through, and what its owner is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from speechwire.errors import InvalidArgument, LocalProtocolError, SessionClosed
from speechwire.session import SpeakRequest

ERROR = SessionClosed("why")


class Owner:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def wake(self) -> None:
        self.told.append("wake")

    def on_interrupt(self, request: SpeakRequest, heard_s: float | None) -> None:
        self.told.append("interrupt")

    def check_loop(self) -> None:
        self.told.append("check")


def made(text_limit: int = 100, sample_bytes: int = 2) -> tuple[SpeakRequest, Owner]:
    owner = Owner()
    return SpeakRequest(owner, sample_bytes=sample_bytes, text_limit=text_limit), owner


def batches_of(request: SpeakRequest) -> list[tuple[list[str], bool]]:
    return [(batch.pieces, batch.closed) for batch in request.batches]


def complete(request: SpeakRequest) -> None:
    """Have the session finish all there is."""
    request.end()
    while request.batches[0].has_words:
        request.finish_batch()


def complete_with_audio(request: SpeakRequest) -> None:
    """The same, and nobody has read the audio yet."""
    request.deliver(b"ab")
    complete(request)


def test_text_is_sent_in_batches_that_flushes_close() -> None:
    request, owner = made()
    request.push("One ")
    request.push("")
    request.push("two.")
    request.flush()
    request.flush()
    request.push("...")
    request.flush()
    request.push("Three.")
    assert batches_of(request) == [(["One ", "two."], True), (["...", "Three."], False)]
    assert owner.told == ["wake"] * 5, "for each text, and for the one flush that has words before it"
    request.end()
    request.end()
    assert batches_of(request) == [(["One ", "two."], True), (["...", "Three."], True), ([], False)]
    assert owner.told == ["wake"] * 6
    assert not request.done
    with pytest.raises(LocalProtocolError, match="^cannot push text: the request has been ended$"):
        request.push("Four.")


def test_it_is_complete_once_its_last_batch_is() -> None:
    request, owner = made()
    request.push("One.")
    request.flush()
    request.push("Two.")
    request.finish_batch()
    request.end()
    assert not request.done
    request.finish_batch()
    assert (request.done, request.error, request.interrupted) == (True, None, False)
    assert owner.told[-1] == "wake"
    request.fail(ERROR)
    assert request.error is None


@pytest.mark.parametrize("text", ["", "...", " "])
def test_a_text_without_words_is_complete_at_its_end(text: str) -> None:
    request, _ = made()
    request.push(text)
    assert not request.done
    request.end()
    assert request.done


def test_text_behind_the_last_word_is_sent_as_well() -> None:
    request, _ = made()
    request.push("a\ud83d")
    request.flush()
    assert batches_of(request) == [(["a", "�"], True), ([], False)]


@pytest.mark.parametrize("over", [SpeakRequest.interrupt, lambda request: request.fail(ERROR)])
def test_nothing_is_taken_once_it_is_over(over: Callable[[SpeakRequest], None]) -> None:
    request, owner = made()
    request.push("Text.\ud83d")
    over(request)
    told = list(owner.told)
    request.push("More.")
    request.flush()
    request.deliver(b"ab")
    request.end()
    request.end()
    assert batches_of(request) == [([], False)]
    assert (request.audio_bytes, request.waiting_bytes, owner.told) == (0, 0, told)


def test_the_text_may_be_as_long_as_the_limit_in_all() -> None:
    request, _ = made(10)
    request.push("1234")
    request.push("567890")
    for text, wanted in (("x", 11), ("xyz", 13)):
        with pytest.raises(InvalidArgument) as refused:
            request.push(text)
        assert str(refused.value) == (
            "text must be at most 10 characters in one request (SpeakSettings.text_limit), "
            f"got '{wanted} characters'"
        )
    assert batches_of(request) == [(["1234", "567890"], False)]


@pytest.mark.parametrize(
    ("begin", "interrupted", "told"),
    [
        (lambda request: request.push("Text."), True, ["interrupt"]),
        (lambda request: request.deliver(b"ab"), True, ["interrupt"]),
        (SpeakRequest.interrupt, True, []),
        (lambda request: request.fail(ERROR), False, []),
        (complete, False, []),
        (complete_with_audio, True, []),
    ],
    ids=["text", "audio", "interrupted", "failed", "complete", "all audio has come"],
)
async def test_an_interruption(
    begin: Callable[[SpeakRequest], None], interrupted: bool, told: list[str]
) -> None:
    request, owner = made()
    begin(request)
    owner.told.clear()
    request.interrupt()
    assert (request.interrupted, owner.told, request.waiting_bytes) == (interrupted, told, 0)
    if interrupted:
        with pytest.raises(StopAsyncIteration):
            await anext(request)


async def test_audio_comes_in_whole_samples_and_is_counted() -> None:
    request, _ = made()
    request.push("Text.")
    assert request.resends == 0
    request.resends = 2
    for piece in (b"a", b"", b"bcd", b"e", b"fgh"):
        request.deliver(piece)
    assert (request.audio_bytes, request.batch_bytes, request.resends) == (8, 8, 0)
    assert request.waiting_bytes == 8
    complete(request)
    assert [pcm async for pcm in request] == [b"abcd", b"efgh"]
    assert request.waiting_bytes == 0


async def test_a_batch_leaves_no_half_sample_to_the_next() -> None:
    request, _ = made()
    request.push("One.")
    request.flush()
    request.push("Two.")
    request.deliver(b"abc")
    request.finish_batch()
    assert request.batch_bytes == 0
    request.deliver(b"de")
    complete(request)
    assert [pcm async for pcm in request] == [b"ab", b"de"]


def test_a_batch_can_be_spoken_in_parts() -> None:
    request, _ = made()
    for text in ("One. ", "Two. ", "Three."):
        request.push(text)
    request.end()
    request.split_batch(1)
    assert batches_of(request) == [(["One. "], True), (["Two. ", "Three."], True), ([], False)]


READERS: list[Callable[[SpeakRequest], Awaitable[object]]] = [
    lambda request: request.wait(),
    lambda request: anext(request),
    lambda request: request.receive_each(lambda pcm: True),
]


@pytest.mark.parametrize("read", READERS, ids=["wait", "next", "each"])
async def test_who_waits_is_told_why_nothing_more_comes(
    read: Callable[[SpeakRequest], Awaitable[object]],
) -> None:
    request, owner = made()
    request.push("Text.")
    owner.told.clear()
    waiting = asyncio.ensure_future(read(request))
    await asyncio.sleep(1)
    assert owner.told == ["check"], "it waits in the right loop"
    request.fail(ERROR)
    for outcome in (waiting, read(request)):
        with pytest.raises(SessionClosed, match="why"):
            await outcome


@pytest.mark.parametrize("end", [SpeakRequest.interrupt, complete])
async def test_who_waits_is_told_that_nothing_more_comes(end: Callable[[SpeakRequest], None]) -> None:
    request, _ = made()
    request.push("Text.")
    waiting = [asyncio.ensure_future(read(request)) for read in READERS]
    await asyncio.sleep(1)
    end(request)
    done, at_end, took_all = await asyncio.gather(*waiting, return_exceptions=True)
    assert (done, type(at_end), took_all) == (None, StopAsyncIteration, True)


async def test_delivered_audio_can_still_be_read_after_a_failure() -> None:
    request, _ = made()
    request.push("Text.")
    request.deliver(b"abcd")
    request.fail(ERROR)
    assert await anext(request) == b"abcd"
    with pytest.raises(SessionClosed):
        await anext(request)


async def test_audio_wakes_who_waits_for_it() -> None:
    request, _ = made()
    request.push("Text.")
    next_one = asyncio.ensure_future(anext(request))
    await asyncio.sleep(1)
    request.deliver(b"ab")
    assert await next_one == b"ab"
    last_one = asyncio.create_task(request.receive_each(lambda pcm: False))
    await asyncio.sleep(1)
    request.deliver(b"cd")
    assert (request.audio_bytes, request.waiting_bytes) == (4, 0)
    assert await last_one is False


async def test_what_is_not_taken_waits_for_the_next_call() -> None:
    request, _ = made()
    request.push("Text.")
    request.deliver(b"ab")
    request.deliver(b"cd")
    assert not await request.receive_each(lambda pcm: False)
    assert request.waiting_bytes == 2
    complete(request)
    taken: list[bytes] = []
    assert await request.receive_each(lambda pcm: not taken.append(pcm))  # type: ignore[func-returns-value]
    assert taken == [b"cd"]


async def test_there_is_room_below_the_limit_or_once_it_is_over() -> None:
    request, _ = made()
    request.push("Text.")
    request.deliver(b"ab")
    await request.room(3)
    waiting = asyncio.create_task(request.room(2))
    await asyncio.sleep(1)
    assert not waiting.done()
    assert await anext(request) == b"ab"
    await waiting
    request.deliver(b"abcd")
    waiting = asyncio.create_task(request.room(2))
    await asyncio.sleep(1)
    assert not waiting.done()
    request.interrupt()
    await waiting
