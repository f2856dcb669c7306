"""A scripted service that answers ``Configure`` as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.session.driving import Endpoint
from tests.session.fake_service import FakeService

from speechwire.transport import MemoryPeer

Message = dict[str, Any]
ACCEPTED: Message = {"type": "ConfigureSuccess"}
REFUSED: Message = {"type": "ConfigureFailure", "code": "NO", "description": "Not today."}


class Configurable:
    """Answers each ``Configure``, and says nothing else of its own.

    Args:
        service: Says the rest.
        answer: Given the message; ``None`` gives no answer.
        delay_s: How long the answer to a message takes.

    Attributes:
        asked: Every ``Configure`` of each connection.
        heard_s: How much audio of the caller each connection had heard when it came.
    """

    def __init__(
        self,
        service: FakeService,
        answer: Callable[[Message], Message | None] = lambda _: ACCEPTED,
        delay_s: float | Callable[[Message], float] = 0.0,
    ) -> None:
        self.service = service
        self.asked: dict[int, list[Message]] = {}
        self.heard_s: dict[int, list[float]] = {}
        self._answer = answer
        self._delay_s = delay_s if callable(delay_s) else lambda _: delay_s

    async def __call__(self, peer: MemoryPeer) -> None:
        receive, asked = peer.receive, self.asked.setdefault(peer.number, [])
        heard_s = self.heard_s.setdefault(peer.number, [])
        samples = 0

        async def look() -> Any:
            nonlocal samples
            frame = await receive()
            if isinstance(frame, bytes):
                samples += len(frame) // 2
            elif isinstance(frame, str) and json.loads(frame)["type"] == "Configure":
                message = json.loads(frame)
                asked.append({name: value for name, value in message.items() if name != "type"})
                heard_s.append(samples / 16000)
                if (answer := self._answer(message)) is not None:
                    asyncio.get_running_loop().call_later(
                        self._delay_s(message), peer.send, json.dumps(answer)
                    )
            return frame

        peer.receive = look  # type: ignore[method-assign]
        await self.service(peer)

    def has(self, peer: MemoryPeer, **settings: str) -> bool:
        """Whether a connection was made with these settings, as they stand in a URL, or told of them."""
        query = dict(pair.split("=", 1) for pair in peer.request.url.partition("?")[2].split("&"))
        told: dict[str, str] = {}
        for message in self.asked.get(peer.number, []):
            told |= {name: _text(value) for name, value in message.get("thresholds", {}).items()}
            told |= {name: _text(value) for name, value in message.get("features", {}).items()}
            if message.get("keyterms"):
                told["keyterm"] = message["keyterms"][-1]
            if "numerals" in message:
                told["numerals"] = _text(message["numerals"])
        return all(({**query, **told}).get(name) == value for name, value in settings.items())


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def first_of(endpoint: Endpoint) -> tuple[dict[str, Any], dict[str, str]]:
    """A change, and how it stands in a URL."""
    return {"keyterms": ["Oslo"]}, {"keyterm": "Oslo"}


def second_of(endpoint: Endpoint) -> tuple[dict[str, Any], dict[str, str]]:
    """Another one, of another setting."""
    if endpoint.name == "flux":
        return {"eot_threshold": 0.9}, {"eot_threshold": "0.9"}
    return {"features": {"numerals": True}}, {"numerals": "true"}
