"""How long a command waits, as its pages say."""

from __future__ import annotations

import pytest
from tests.cli.conftest import Outcome, Run, Serve
from tests.cli.service import silence

from speechwire.cli._patience import AHEAD_OF_RESULTS_S, PROBE, SPEAK_SETTINGS, listen_settings
from speechwire.emulator import RefuseUpgrade
from speechwire.session import BackoffPolicy, ListenSettings, SpeakSettings


def test_what_a_service_that_is_not_there_is_given() -> None:
    """Six attempts, which is about four seconds; doctor makes one."""
    assert SpeakSettings(backoff=BackoffPolicy(max_attempts=6), progress_timeout_s=30.0) == SPEAK_SETTINGS
    assert BackoffPolicy(max_attempts=1) == PROBE


@pytest.mark.parametrize(("speed", "replay_speed"), [(None, None), (1.0, 1.25), (1.25, 1.25), (50.0, 50.0)])
def test_what_a_slow_recogniser_is_given(speed: float | None, replay_speed: float | None) -> None:
    """One at a tenth of real time answers 20 s of audio in 200 s."""
    assert AHEAD_OF_RESULTS_S == 20.0
    assert listen_settings(speed) == ListenSettings(
        backoff=BackoffPolicy(max_attempts=6),
        replay_speed=replay_speed,
        buffer_s=60.0,
        replay_s=120.0,
        send_timeout_s=60.0,
        progress_timeout_s=60.0,
        drain_timeout_s=200.0,
        pause_after_s=None,
        wait_out_outages=False,
    )


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(("refusals", "code"), [(5, 0), (6, 3)])
def test_how_often_it_is_tried(run: Run, serve: Serve, refusals: int, code: int) -> None:
    emulator = serve(faults=[RefuseUpgrade(503, connections=set(range(refusals)))])
    arguments = ("--base-url", emulator.base_url, "--speed", 50, "-q")
    outcome = run("transcribe", silence("in.wav"), *arguments)
    assert (outcome.code, len(emulator.connections)) == (code, 6)
    if not code:
        assert outcome == Outcome(0, "Two tickets to Oslo, please.\nBy train.\n", "")
