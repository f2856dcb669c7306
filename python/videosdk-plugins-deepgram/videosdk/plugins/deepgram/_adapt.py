"""Shared by all plugins: the key, and errors in the form that the framework expects."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from speechwire.errors import InvalidArgument, InvalidArgumentType

__all__ = [
    "NEVER_SWALLOWED",
    "ApiKey",
    "emit_safely",
    "listed",
    "logger",
    "named_as",
    "report",
    "require_api_key",
    "warn_of_unknown_arguments",
]

logger = logging.getLogger("videosdk.plugins.deepgram")

NEVER_SWALLOWED = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What ends the process, or closes a coroutine: nobody's to handle."""

ApiKey = str | Callable[[], str | Awaitable[str]]
"""A key, or a callable, plain or async, that is asked for one at each connect."""

ApiKeyT = TypeVar("ApiKeyT", bound=ApiKey)


def require_api_key(api_key: ApiKeyT | None) -> ApiKeyT | str:
    """Return the key given, or the one in ``DEEPGRAM_API_KEY``.

    Raises:
        ValueError: There is neither.
    """
    key = api_key or os.getenv("DEEPGRAM_API_KEY")
    if not key:
        raise ValueError(
            "Deepgram API key must be provided either through api_key parameter or "
            "DEEPGRAM_API_KEY environment variable"
        )
    return key


def report(component: Any, error: BaseException) -> None:
    """Tell the framework that ``component`` does not do its work now.

    One ``error`` event disables a provider of ``FallbackSTT`` and ``FallbackTTS`` for a minute, so it is for
    what the session could not recover from. It is logged as well: an event without a listener is invisible.
    """
    logger.error("%s: %s", type(component).__name__, error)
    emit_safely(component, "error", str(error))


def emit_safely(emitter: Any, event: str, *arguments: object) -> None:
    """Emit an event; a handler that fails is logged, and keeps nothing from going on.

    The framework's emitter catches no `CancelledError`.
    """
    try:
        emitter.emit(event, *arguments)
    except NEVER_SWALLOWED:
        raise
    except BaseException as failure:
        logger.error("a handler of the event %r failed", event, exc_info=failure)


def warn_of_unknown_arguments(component: Any, arguments: dict[str, Any]) -> None:
    """Log the names of constructor arguments that have no effect here."""
    if arguments:
        logger.warning(
            "%s ignores unknown arguments: %s", type(component).__name__, ", ".join(sorted(arguments))
        )


def listed(value: Any) -> tuple[str, ...]:
    """Return one string, several or none as a tuple.

    What is neither stays as it is: the options refuse it, by the argument's name.
    """
    if value is None:
        return ()
    several: Any = (value,) if isinstance(value, str) else value
    if isinstance(several, Iterable):
        several = tuple(several)
    kept: tuple[str, ...] = several
    return kept


def check_flags(component: object, *names: str) -> None:
    """Raise InvalidArgumentType for an attribute that is neither a bool nor ``None``."""
    for name in names:
        value = getattr(component, name)
        if value is not None and not isinstance(value, bool):
            raise InvalidArgumentType(name, value, "a bool")


@contextmanager
def named_as(**names: str) -> Iterator[None]:
    """Tell errors about the core's arguments by the names that the plugin's user wrote.

    Args:
        **names: From the core's name to the plugin's.
    """
    try:
        yield
    except InvalidArgument as error:
        raise InvalidArgument(names.get(error.argument, error.argument), error.value, error.allowed) from None
    except InvalidArgumentType as error:
        name = names.get(error.argument, error.argument)
        raise InvalidArgumentType(name, error.value, error.expected) from None
