"""FastAPI and the vendor's SDK: one client for all, a socket for each caller, two loops that forward.

As the vendor's starters for FastAPI do it, without their tokens and prints: audio goes up message by message,
and every message of the service goes back as the SDK's model writes it. ``/twilio`` takes the audio out of
``media`` messages first.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benches.python.server.peers.host import serve
from deepgram import AsyncDeepgramClient, DeepgramClientEnvironment
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def forward(websocket: WebSocket, connection: Any) -> None:
    """Pass on what the service says."""
    async for message in connection:
        await websocket.send_text(message.model_dump_json())


@asynccontextmanager
async def listening(websocket: WebSocket, encoding: str, sample_rate: str) -> AsyncIterator[Any]:
    """The service's connection for a caller, whose results are passed on until the caller hangs up."""
    await websocket.accept()
    async with client().listen.v2.connect(
        model="flux-general-en", encoding=encoding, sample_rate=sample_rate
    ) as connection:
        forwarding = asyncio.create_task(forward(websocket, connection))
        try:
            yield connection
        except WebSocketDisconnect:
            forwarding.cancel()


async def pcm(websocket: WebSocket) -> None:
    """A caller with binary messages."""
    async with listening(websocket, "linear16", "16000") as connection:
        while True:
            await connection.send_media(await websocket.receive_bytes())


async def twilio(websocket: WebSocket) -> None:
    """A telephone call: mu-law passes as it is."""
    async with listening(websocket, "mulaw", "8000") as connection:
        while True:
            message = json.loads(await websocket.receive_text())
            if message["event"] == "media":
                await connection.send_media(base64.b64decode(message["media"]["payload"]))


def client() -> AsyncDeepgramClient:
    """The one for all callers."""
    made: AsyncDeepgramClient = app.state.deepgram
    return made


def main() -> None:
    """Serve; the service's address is the argument."""
    url = sys.argv[1]
    environment = DeepgramClientEnvironment(
        base=url.replace("ws", "http", 1),
        production=url,
        agent=url,
        agent_rest=url.replace("ws", "http", 1),
    )
    app.state.deepgram = AsyncDeepgramClient(api_key="key-1", environment=environment)
    app.add_api_websocket_route("/twilio", twilio)
    app.add_api_websocket_route("/pcm", pcm)
    serve(app)


if __name__ == "__main__":
    main()
