"""The four endpoints: checks a query and sets up the served connection."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from speechwire.emulator._audio_format import AudioFormat
from speechwire.emulator._hearing import Hearing
from speechwire.emulator._inlet import Inlet, Timers
from speechwire.emulator._listen import ListenMachine, drive_listen
from speechwire.emulator._outlet import Outlet
from speechwire.emulator._parameters_listen import listen_v1, listen_v2
from speechwire.emulator._parameters_speak import speak_v1, speak_v2
from speechwire.emulator._query import Query
from speechwire.emulator._speak import Delivery, SpeakMachine, drive_speak
from speechwire.emulator.engine import Engine, StreamInfo
from speechwire.emulator.journal import Connection
from speechwire.emulator.listen_v1 import ListenV1
from speechwire.emulator.listen_v2 import ListenV2
from speechwire.emulator.speak_v1 import SpeakLimits, SpeakV1
from speechwire.emulator.speak_v2 import SpeakV2
from speechwire.errors import InvalidArgument

__all__ = ["Behaviour", "Endpoints", "Serve"]

Serve = Callable[[Inlet, Outlet], Awaitable[None]]
"""Serves one accepted connection until it has ended."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The service's limits, and choices where its documentation contradicts itself.

    Attributes:
        time_scale: Factor on every idle and session limit; 0.01 makes the 10 s of ``/v1/listen`` 0.1 s.
        max_connections: Open connections before 429.
        drain_on_close: Whether ``Close`` on ``/v1/speak`` speaks what is left.
        keepalive_needs_audio: Whether ``KeepAlive`` keeps a ``/v1/listen`` open that has had no audio.
        limits: Limits of the speaking endpoints.
        delivery: How synthesized audio goes out.
    """

    time_scale: float = 1.0
    max_connections: int = 1000
    drain_on_close: bool = True
    keepalive_needs_audio: bool = True
    limits: SpeakLimits = field(default_factory=SpeakLimits)
    delivery: Delivery = field(default_factory=Delivery)

    def __post_init__(self) -> None:
        if not 0 < self.time_scale < math.inf:
            raise InvalidArgument("time_scale", self.time_scale, "a number above 0")


class Endpoints:
    """Reads each endpoint's query and sets up its state machine."""

    def __init__(self, engine: Engine, behaviour: Behaviour, *, count_audio: bool = False) -> None:
        self._engine = engine
        self._behaviour = behaviour
        self._count_audio = count_audio
        self._open: dict[str, Callable[[Connection, Query], Awaitable[Serve]]] = {
            "/v1/listen": self._listen_v1,
            "/v2/listen": self._listen_v2,
            "/v1/speak": self._speak_v1,
            "/v2/speak": self._speak_v2,
        }

    @property
    def paths(self) -> list[str]:
        """The paths of the endpoints."""
        return list(self._open)

    async def open(self, record: Connection, query: Query) -> Serve:
        """Get ready to serve a connection.

        Raises:
            Refusal: The query is not in order.
        """
        return await self._open[record.endpoint](record, query)

    def _timers(self, idle_s: float, session_s: float = math.inf, **rules: bool) -> Timers:
        scale = self._behaviour.time_scale
        return Timers(idle_s * scale, session_s * scale, **rules)

    async def _listen_v1(self, record: Connection, query: Query) -> Serve:
        settings, audio = listen_v1(query)
        created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        machine = ListenV1(record.request_id, settings, created=created, digest=record.digest.hexdigest)
        needs_audio = self._behaviour.keepalive_needs_audio
        timers = self._timers(10.0, ping_counts=False, text_needs_audio=needs_audio)
        return self._listen(record, machine, audio, timers, multichannel=settings.multichannel)

    async def _listen_v2(self, record: Connection, query: Query) -> Serve:
        settings, audio = listen_v2(query)
        machine = ListenV2(record.request_id, settings)
        return self._listen(record, machine, audio, self._timers(60.0))

    def _listen(
        self,
        record: Connection,
        machine: ListenMachine,
        audio: AudioFormat,
        timers: Timers,
        *,
        multichannel: bool = False,
    ) -> Serve:
        stream = StreamInfo(record.index, record.endpoint, audio.sample_rate, keyterms=machine.keyterms)
        hearing = Hearing(self._engine, stream, audio, multichannel=multichannel, count=self._count_audio)

        async def serve(inlet: Inlet, outlet: Outlet) -> None:
            await drive_listen(machine, hearing, inlet, outlet, record, timers)

        return serve

    async def _speak_v1(self, record: Connection, query: Query) -> Serve:
        settings, audio = speak_v1(query)
        behaviour = self._behaviour
        settings = replace(settings, drain_on_close=behaviour.drain_on_close, limits=behaviour.limits)
        return await self._speak(record, SpeakV1(record.request_id, settings), audio, settings.model)

    async def _speak_v2(self, record: Connection, query: Query) -> Serve:
        settings, audio = speak_v2(query)
        settings = replace(settings, message_bytes=self._behaviour.limits.message_bytes)
        return await self._speak(record, SpeakV2(record.request_id, settings), audio, settings.model)

    async def _speak(
        self, record: Connection, machine: SpeakMachine, audio: AudioFormat, voice: str
    ) -> Serve:
        behaviour = self._behaviour
        stream = StreamInfo(
            record.index, record.endpoint, audio.sample_rate, voice=voice, speed=machine.speed
        )
        synthesizer = await self._engine.synthesizer(stream)
        timers = self._timers(60.0, behaviour.limits.session_s)

        async def serve(inlet: Inlet, outlet: Outlet) -> None:
            await drive_speak(machine, synthesizer, inlet, outlet, record, timers, audio, behaviour.delivery)

        return serve
