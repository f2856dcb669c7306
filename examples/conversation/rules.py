"""The agent's wits: rules in place of a language model, so that the demo needs no model and no key."""

from __future__ import annotations

INSTRUCTIONS = "You answer the telephone of a small cafe at a railway station."
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


def sentences(reply: str) -> list[str]:
    """Cut a reply as a language model would stream it; the pieces put together are the reply."""
    pieces = reply.split(". ")
    return [*(f"{piece}. " for piece in pieces[:-1]), pieces[-1]]
