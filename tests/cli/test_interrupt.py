"""What a command does with the handlers of its process: nothing that outlasts it, and only with its own."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from speechwire.cli._interrupt import Termination, deadly_interrupts
from speechwire.cli._serve_signals import Signals, ended_or_signalled


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Those of an interactive shell; a runner may ignore some."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def in_a_thread(function: Callable[[], None]) -> None:
    """Call it there, and raise here what it raises."""
    failures: list[BaseException] = []

    def call() -> None:
        try:
            function()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def test_an_import_is_ended_by_the_signal_itself_and_a_command_is_not() -> None:
    with deadly_interrupts():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, lambda *_: None])
def test_who_has_a_handler_of_their_own_keeps_it_while_modules_are_imported(handler: signal.Handlers) -> None:
    signal.signal(signal.SIGINT, handler)
    with deadly_interrupts():
        assert signal.getsignal(signal.SIGINT) is handler
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_ends_a_command_as_ctrl_c_does_and_is_known_from_it(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), Termination() as termination:
        assert termination.came is None
        os.kill(os.getpid(), number)
    assert termination.came is number
    assert signal.getsignal(number) is signal.SIG_DFL


def test_under_nohup_sigterm_ends_a_command_as_well() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with pytest.raises(KeyboardInterrupt), Termination():
        os.kill(os.getpid(), signal.SIGTERM)


def test_who_has_a_handler_for_sigterm_keeps_it() -> None:
    came: list[int] = []

    def handler(number: int, _: object) -> None:
        came.append(number)

    signal.signal(signal.SIGTERM, handler)
    with Termination() as termination:
        os.kill(os.getpid(), signal.SIGTERM)
    assert (came, termination.came) == ([signal.SIGTERM], None)
    assert signal.getsignal(signal.SIGTERM) is handler


def test_in_another_thread_no_handler_is_touched() -> None:
    def command() -> None:
        with deadly_interrupts(), Termination() as termination:
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert not termination.came

    in_a_thread(command)


async def test_serve_takes_the_signals_that_its_process_does_not_ignore() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signals = Signals(signal.SIGUSR1, None)
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        os.kill(os.getpid(), number)
    assert [await signals.first() for _ in range(2)] == [signal.SIGUSR1, signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


class Come:
    """A signal that comes, or never does."""

    def __init__(self, number: int | None) -> None:
        self._number = number
        self.left = False

    async def first(self) -> int:
        try:
            await asyncio.sleep(0)
            if self._number is None:
                await asyncio.Event().wait()
            return int(self._number or 0)
        finally:
            self.left = True


async def test_work_that_a_signal_ends_has_ended_before_anything_else_begins() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    assert await ended_or_signalled(work(), Come(signal.SIGINT)) == signal.SIGINT  # type: ignore[arg-type]
    assert ended == ["work"]


async def test_work_that_ends_by_itself_waits_for_no_signal_any_more() -> None:
    signals = Come(None)
    assert await ended_or_signalled(asyncio.sleep(0), signals) is None  # type: ignore[arg-type]
    assert signals.left


async def test_what_work_raises_is_raised() -> None:
    async def work() -> None:
        raise RuntimeError("the port is taken")

    with pytest.raises(RuntimeError, match="the port is taken"):
        await ended_or_signalled(work(), Come(None))  # type: ignore[arg-type]
