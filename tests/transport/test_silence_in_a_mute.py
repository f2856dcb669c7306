"""A service that falls silent as the caller does: what was said last must not wait for the next word."""

from __future__ import annotations

import pytest
from tests.transport.reliability.call import Call, Service, make_session

from speechwire.emulator import HalfOpen, Stall
from speechwire.session import SessionEnded

SPOKEN_S = 4.0


@pytest.mark.parametrize("endpoint", ["/v1/listen", "/v2/listen"])
@pytest.mark.parametrize("ending", [Stall, HalfOpen])
async def test_the_last_words_are_heard_in_the_mute(endpoint: str, ending: type[Stall | HalfOpen]) -> None:
    fault = ending(at_s=SPOKEN_S - 0.6, connections={0})
    async with Service([(0.5, 1.5), (2.5, SPOKEN_S)], [fault]) as service:
        call = Call(make_session(endpoint, service.base_url, pause_after_s=0.3), service)
        try:
            await call.speak(SPOKEN_S, at_once=True)
            await call.is_heard(15)
        finally:
            await call.hang_up()
    assert call.words == service.heard.words
    assert isinstance(call.events[-1], SessionEnded)
    assert call.events[-1].complete
