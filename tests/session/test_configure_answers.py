"""Answers to ``Configure`` do not name their question: a late one is not taken for the next one's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.session.configurable import ACCEPTED, REFUSED, Configurable, Message, first_of, second_of
from tests.session.driving import Endpoint, all_heard, collect, endpoints, of, peers, speak_into
from tests.session.handshakes import refusing_oslo

from speechwire.errors import ServiceError
from speechwire.session import ChangeRefused

TURNS = [(1.0, 2.0), (8.0, 9.0), (14.0, 15.0)]
endpoint = endpoints("flux", "nova")


def late(to_first: Message | None, to_second: Message) -> dict[str, Any]:
    """The first change is answered after the session has given that up, the second one soon."""
    return {
        "answer": lambda message: to_first if "keyterms" in message else to_second,
        "delay_s": lambda message: 6.0 if "keyterms" in message else 0.7,
    }


class Call:
    """A call in which two changes are asked for, 5.5 s apart, and whose connection is lost afterwards."""

    def __init__(self, endpoint: Endpoint, to_first: Message | None, to_second: Message) -> None:
        self.service = Configurable(endpoint.service(TURNS), **late(to_first, to_second))
        self.session = endpoint.session(self.service, drain_timeout_s=60)
        self.changes = first_of(endpoint), second_of(endpoint)
        self.outcomes: list[BaseException | None] = []
        self.events: list[Any] = []

    async def hold(self) -> None:
        collecting = asyncio.create_task(collect(self.session))
        first, second = (change for change, _ in self.changes)
        await speak_into(self.session, 0.5)
        asking = [asyncio.create_task(self.session.configure(**first))]
        await speak_into(self.session, 5.5, start_s=0.5)
        asking.append(asyncio.create_task(self.session.configure(**second)))
        await speak_into(self.session, 6.0, start_s=6.0)
        self.outcomes = await asyncio.gather(*asking, return_exceptions=True)
        peers(self.session)[0].reset()
        await speak_into(self.session, 4.0, start_s=12.0)
        await all_heard(self.session, collecting, self.service.service)
        self.events = collecting.result()

    def next_has(self) -> list[bool]:
        """Whether the next connection was made with each of the changes."""
        return [self.service.has(peers(self.session)[1], **shown) for _, shown in self.changes]


async def test_a_late_refusal_is_of_the_change_that_it_answers(endpoint: Endpoint) -> None:
    call = Call(endpoint, REFUSED, ACCEPTED)
    await call.hold()
    given_up, accepted = call.outcomes
    assert isinstance(given_up, ServiceError)
    assert "no answer to Configure" in str(given_up)
    assert accepted is None
    assert [event.change for event in of(ChangeRefused, call.events)] == [first_of(endpoint)[0]]
    assert call.next_has() == [False, True]


async def test_a_late_success_is_of_the_change_that_it_answers(endpoint: Endpoint) -> None:
    call = Call(endpoint, ACCEPTED, REFUSED)
    await call.hold()
    given_up, refused = call.outcomes
    assert "no answer to Configure" in str(given_up)
    assert isinstance(refused, ServiceError)
    assert "Not today" in str(refused)
    assert of(ChangeRefused, call.events) == []
    assert call.next_has() == [True, False]


async def test_a_change_that_is_never_answered_leaves_both_wanted(endpoint: Endpoint) -> None:
    call = Call(endpoint, None, ACCEPTED)
    await call.hold()
    assert all("no answer to Configure" in str(outcome) for outcome in call.outcomes)
    assert of(ChangeRefused, call.events) == []
    assert call.next_has() == [True, True]


@pytest.mark.parametrize("good_first", [True, False])
async def test_of_two_changes_that_are_refused_together_the_later_is_dropped_first(
    endpoint: Endpoint, good_first: bool
) -> None:
    service = Configurable(endpoint.service(TURNS))
    (bad, shown_bad), (good, shown_good) = first_of(endpoint), second_of(endpoint)

    session = endpoint.session(refusing_oslo(service), drain_timeout_s=60)
    collecting = asyncio.create_task(collect(session))
    await speak_into(session, 4.0)
    peers(session)[0].reset()
    await asyncio.sleep(0)
    for change in (good, bad) if good_first else (bad, good):
        await session.configure(**change)
    await speak_into(session, 12.0, start_s=4.0)
    await all_heard(session, collecting, service.service)
    refused = [event.change for event in of(ChangeRefused, collecting.result())]
    # Which of the two is refused nobody says: in the other order both are tried and dropped.
    assert refused == ([bad] if good_first else [good, bad])
    assert not service.has(peers(session)[-1], **shown_bad)
    assert service.has(peers(session)[-1], **shown_good) is good_first
