"""A voice agent for VideoSDK, to copy: Flux listens, your language model thinks, Aura speaks.

Example:
  python -m examples.agent                     (a synthesised caller, no account, no network)
  python -m examples.agent --live              (the same call, recognised and spoken by Deepgram)
  python -m examples.agent --room abcd-efgh    (a room of yours: VIDEOSDK_AUTH_TOKEN, DEEPGRAM_API_KEY)
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from videosdk.agents import (
    LLM,
    Agent,
    AgentSession,
    ChatContext,
    ChatRole,
    EOUConfig,
    JobContext,
    LLMResponse,
    Pipeline,
    RoomOptions,
    WorkerJob,
)
from videosdk.plugins.deepgram import DeepgramSTTV2, DeepgramTTS

from examples.shared.rehearsal import rehearse
from examples.shared.service import parser, run

CALLER = ((3.0, "can i see a doctor today"), (8.5, "thank you and goodbye"))


class Receptionist(Agent):
    """Answers the telephone of a doctor's surgery."""

    def __init__(self) -> None:
        super().__init__(instructions="You answer the telephone of a doctor's surgery. Be brief.")

    async def on_enter(self) -> None:
        """Greet the caller."""
        await self.session.say("Good morning, this is the surgery.")

    async def on_exit(self) -> None:
        """The goodbye has been said."""


class Diary(LLM):
    """Stands in for a language model; put yours here, such as `OpenAILLM()` of videosdk-plugins-openai."""

    async def chat(self, messages: ChatContext, *args: Any, **kwargs: Any) -> AsyncIterator[LLMResponse]:
        """Answer what the caller said last."""
        heard = str(messages.items[-1].content).lower()
        answer = "Goodbye." if "goodbye" in heard else "Doctor Miller can see you at four."
        yield LLMResponse(content=answer, role=ChatRole.ASSISTANT)

    async def cancel_current_generation(self) -> None:
        """An answer is made at once."""


def make_session(**service: Any) -> AgentSession:
    """Put the agent together; ``service`` is empty for Deepgram with DEEPGRAM_API_KEY."""
    pipeline = Pipeline(
        stt=DeepgramSTTV2(model="flux-general-en", eot_timeout_ms=3000, **service),
        llm=Diary(),
        tts=DeepgramTTS(model="aura-2-thalia-en", **service),
        # Flux has decided that the turn is over: the framework need not wait for more speech.
        eou_config=EOUConfig(min_max_speech_wait_timeout=(0.1, 0.1)),
    )
    return AgentSession(agent=Receptionist(), pipeline=pipeline)


async def entrypoint(context: JobContext) -> None:
    """What a VideoSDK worker calls for each call."""
    await make_session().start(wait_for_participant=True, run_until_shutdown=True)


def main() -> int:
    """Join a room, or let a synthesised caller telephone the agent here."""
    arguments = parser("examples.agent", __doc__)
    arguments.add_argument("--room", metavar="ID", help="join this VideoSDK room instead")
    given = arguments.parse_args()
    if not given.room:
        return run(rehearse(make_session, CALLER, live=given.live, engine=given.engine))
    if missing := [name for name in ("VIDEOSDK_AUTH_TOKEN", "DEEPGRAM_API_KEY") if not os.environ.get(name)]:
        arguments.error(f"--room needs {' and '.join(missing)} in the environment")
    room = RoomOptions(room_id=given.room, name="Receptionist")
    WorkerJob(entrypoint=entrypoint, jobctx=lambda: JobContext(room_options=room)).start()
    return 0


if __name__ == "__main__":
    sys.exit(main())
