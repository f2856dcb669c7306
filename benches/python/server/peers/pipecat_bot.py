"""Pipecat's FastAPI transport, its serializers and its Flux service; transcripts go back as messages.

The pipeline is the shortest that captions: transport, service, transport. ``/twilio`` has the serializer for
Twilio, ``/pcm`` the one for Vonage, which takes binary PCM as it is.
"""

from __future__ import annotations

import sys
from typing import Any

from benches.python.server.peers.host import serve
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.frames.frames import (
    Frame,
    InterimTranscriptionFrame,
    OutputTransportMessageUrgentFrame,
    TranscriptionFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.serializers.vonage import VonageFrameSerializer
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

app = FastAPI()


class Captions(FrameProcessor):  # type: ignore[misc]
    """Sends transcripts to the caller."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass on, and say."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame | InterimTranscriptionFrame):
            event = "EndOfTurn" if isinstance(frame, TranscriptionFrame) else "Update"
            message = {"event": "caption", "type": event, "transcript": frame.text}
            await self.push_frame(OutputTransportMessageUrgentFrame(message=message), direction)


async def answer(websocket: WebSocket, serializer: Any, rate: int) -> None:
    """Run a call's pipeline to its end."""
    params = FastAPIWebsocketParams(audio_in_enabled=True, serializer=serializer)
    transport = FastAPIWebsocketTransport(websocket=websocket, params=params)
    service = DeepgramFluxSTTService(api_key="key-1", url=f"{app.state.service_url}/v2/listen")
    stages = Pipeline([transport.input(), service, Captions(), transport.output()])
    worker = PipelineWorker(
        stages,
        params=PipelineParams(audio_in_sample_rate=rate),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )

    @transport.event_handler("on_client_disconnected")  # type: ignore[untyped-decorator]
    async def on_client_disconnected(*_: Any) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


async def twilio(websocket: WebSocket) -> None:
    """A telephone call."""
    await websocket.accept()
    _, call = await parse_telephony_websocket(websocket)
    params = TwilioFrameSerializer.InputParams(auto_hang_up=False)
    await answer(websocket, TwilioFrameSerializer(call["stream_id"], params=params), 8000)


async def pcm(websocket: WebSocket) -> None:
    """A caller with binary messages."""
    await websocket.accept()
    await answer(websocket, VonageFrameSerializer(), 16_000)


def main() -> None:
    """Serve; the service's address is the argument."""
    logger.remove()
    app.state.service_url = sys.argv[1]
    app.add_api_websocket_route("/twilio", twilio)
    app.add_api_websocket_route("/pcm", pcm)
    serve(app)


if __name__ == "__main__":
    main()
