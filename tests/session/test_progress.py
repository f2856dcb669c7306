"""When a service counts as stalled: by the clock alone."""

from __future__ import annotations

import math

import pytest

from speechwire.session._progress import Progress


def test_a_service_that_is_asked_why_results_stand_still_has_a_moment_to_answer() -> None:
    progress = Progress(timeout_s=3.0, patience=1.0, while_flowing=False, now=10.0)
    assert not progress.is_probe_due(12.9, behind_s=2.0)
    assert progress.is_probe_due(13.0, behind_s=2.0)
    assert progress.due_at() == pytest.approx(13.0)
    assert not progress.is_stalled(14.3)
    assert progress.is_stalled(14.5)


def progress(
    timeout_s: float | None = 3.0, patience: float = 2.0, *, while_flowing: bool = False
) -> Progress:
    return Progress(timeout_s, patience, while_flowing, now=10.0)


def test_only_what_gets_further_is_progress() -> None:
    results = progress()
    assert [results.reached(position_s, 11.0) for position_s in (0.0, 1.0, 1.0, 0.5, 1.1)] == [
        *(False, True, False, False, True)
    ]
    assert (results.reached_s, results.advanced_at) == (1.1, 11.0)
    assert results.due_at() == 17.0, "so many timeouts of standing still are normal"


@pytest.mark.parametrize(
    ("now", "behind_s", "last_audio", "while_flowing", "is_due", "advanced_at"),
    [
        (15.9, 0.6, 15.9, False, False, 10.0),  # not for long enough
        (16.0, 0.6, 10.0, False, True, 10.0),
        (16.0, 0.5, 16.0, False, False, 16.0),  # the lag of a healthy service
        (16.0, 0.6, 15.0, True, True, 10.0),
        (16.0, 0.6, 14.9, True, False, 16.0),  # the caller is silent
    ],
)
def test_the_service_is_asked_once_it_lags_for_long(
    now: float, behind_s: float, last_audio: float, while_flowing: bool, is_due: bool, advanced_at: float
) -> None:
    results = progress(while_flowing=while_flowing)
    results.last_audio = last_audio
    assert results.is_probe_due(now, behind_s) is is_due
    assert results.advanced_at == advanced_at
    assert not results.is_probe_due(now, behind_s), "it is asked once"


def test_an_answer_to_the_probe_is_progress() -> None:
    results = progress()
    assert results.is_probe_due(16.0, 1.0)
    assert results.reached(1.0, 17.0)
    assert not results.is_stalled(100.0)
    assert results.due_at() == 23.0


@pytest.mark.parametrize(("owed_s", "stalled_at"), [(1.5, math.inf), (1.6, 12.4)])
def test_what_was_asked_for_is_answered_in_time_unless_it_is_little(owed_s: float, stalled_at: float) -> None:
    results = progress()
    results.ask(11.0, owed_s)
    assert results.due_at() == min(16.0, stalled_at)
    assert results.is_stalled(12.4) is (stalled_at < math.inf)
    assert not results.is_stalled(12.39)
    assert results.stood_still_s(12.4) == pytest.approx(2.4)
    results.answered()
    assert not results.is_stalled(100.0)


def test_how_long_it_stood_still_counts_from_the_question_or_the_last_result() -> None:
    results = progress()
    results.ask(11.0, 2.0)
    results.reached(1.0, 12.0)
    assert results.stood_still_s(12.4) == pytest.approx(1.4)
    results.reached(2.0, 10.5)
    assert results.stood_still_s(12.4) == pytest.approx(1.9)


def test_a_service_that_shows_progress_unasked_has_another_deadline() -> None:
    results = progress()
    results.give_up_at(12.0)
    assert (results.due_at(), results.is_stalled(11.9), results.is_stalled(12.0)) == (12.0, False, True)


@pytest.mark.parametrize(("timeout_s", "end_s"), [(3.0, 2.0), (1.5, 1.5), (None, math.inf)])
def test_at_the_end_silence_is_noticed_once(timeout_s: float | None, end_s: float) -> None:
    results = progress(timeout_s)
    results.ask(19.0, 5.0)
    results.finish(20.0)
    assert results.due_at() == 20.0 + end_s
    if timeout_s is not None:
        assert [results.is_silent_at_end(20.0 + wait_s) for wait_s in (end_s - 0.1, end_s, 99.0)] == [
            *(False, True, False)
        ]
    assert results.due_at() == math.inf


def test_without_a_timeout_nothing_ever_stalls() -> None:
    results = progress(None)
    results.ask(10.0, 100.0)
    assert not results.is_probe_due(1e9, 100.0)
    assert (results.due_at(), results.is_stalled(1e9)) == (math.inf, False)
