"""The agent's wits: a language model made of rules, so that the demo needs no model and no key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from videosdk.agents import LLM, Agent, ChatContext, ChatRole, LLMResponse

GREETING = "Hello, this is the station cafe. How can I help you?"

# The first rule with one of its words in what the caller said answers.
RULES: tuple[tuple[frozenset[str], str], ...] = (
    (
        frozenset({"menu", "eat", "food", "breakfast", "lunch", "dinner"}),
        "For breakfast we have fresh rolls with butter and jam, eggs with toast, and porridge with honey. "
        "Everybody takes coffee or tea with it, and there is orange juice for the children.",
    ),
    (
        frozenset({"open", "opening", "close", "closing", "hours", "time"}),
        "We are open every day, from seven in the morning until ten at night.",
    ),
    (frozenset({"table", "seat", "seats", "book", "reserve"}), "A table is reserved for you."),
    (frozenset({"stop", "thank", "thanks", "bye", "goodbye"}), "Thank you for calling, goodbye."),
)
FALLBACK = "I am sorry, I did not catch that. Could you say it again?"


def answer(heard: str) -> str:
    """Return the answer to what the caller was heard to say."""
    words = {word.strip(".,?!").lower() for word in heard.split()}
    return next((reply for keys, reply in RULES if keys & words), FALLBACK)


class RuleBasedLLM(LLM):
    """Answers the last thing the user said, sentence by sentence, as a language model would stream it."""

    async def chat(
        self,
        messages: ChatContext,
        tools: list[Any] | None = None,
        conversational_graph: Any | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[LLMResponse]:
        """Yield the reply in a few pieces."""
        for piece in answer(last_user_text(messages)).split(". "):
            sentence = piece if piece[-1] in ".?!" else f"{piece}. "
            yield LLMResponse(content=sentence, role=ChatRole.ASSISTANT)

    async def cancel_current_generation(self) -> None:
        """Do nothing: a reply is made at once."""


def last_user_text(messages: ChatContext) -> str:
    """Return the text of the last message by the user, or an empty string."""
    for item in reversed(messages.items):
        if getattr(item, "role", None) == ChatRole.USER:
            content = item.content
            parts = content if isinstance(content, list) else [content]
            return " ".join(part for part in parts if isinstance(part, str))
    return ""


class CafeAgent(Agent):
    """Greets whoever calls."""

    def __init__(self) -> None:
        super().__init__(instructions="You answer the telephone of a small cafe at a railway station.")

    async def on_enter(self) -> None:
        """Greet the caller."""
        await self.session.say(GREETING)

    async def on_exit(self) -> None:
        """Leave without a word: the goodbye has been said."""
