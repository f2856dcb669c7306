"""When a service counts as stalled: by the clock alone."""

from __future__ import annotations

import pytest

from speechwire.session._progress import Progress


def test_a_service_that_is_asked_why_results_stand_still_has_a_moment_to_answer() -> None:
    progress = Progress(timeout_s=3.0, patience=1.0, while_flowing=False, now=10.0)
    assert not progress.is_probe_due(12.9, behind_s=2.0)
    assert progress.is_probe_due(13.0, behind_s=2.0)
    assert progress.due_at() == pytest.approx(13.0)
    assert not progress.is_stalled(14.3)
    assert progress.is_stalled(14.5)
