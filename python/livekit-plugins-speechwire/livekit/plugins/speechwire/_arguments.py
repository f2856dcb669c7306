"""Arguments as the framework's plugin for Deepgram has them: given or not, one or several, checked early."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from livekit.agents import LanguageCode
from livekit.agents.types import NOT_GIVEN, NotGivenOr
from livekit.agents.utils import is_given

from speechwire.errors import InvalidArgument, InvalidArgumentType

from .log import logger

__all__ = [
    "ApiKey",
    "changes_of",
    "check_names",
    "check_tags",
    "given",
    "keyterms_of",
    "listed",
    "model_for",
    "named_as",
    "note_http_session",
    "or_none",
    "require_api_key",
    "with_fitting_model",
]

ApiKey = str | Callable[[], str | Awaitable[str]]
"""A key, or a callable, plain or async, that is asked for one at each connect."""

_LONGEST_TAG = 128
_ENGLISH = ("en-US", "en")
_ONLY_ENGLISH = frozenset(
    f"nova-2-{name}"
    for name in (
        *("meeting", "phonecall", "finance", "conversationalai", "voicemail", "video", "medical"),
        *("drivethru", "automotive"),
    )
)


def require_api_key(api_key: NotGivenOr[ApiKey] | None) -> ApiKey:
    """Return the key given, or the one in ``DEEPGRAM_API_KEY``.

    Raises:
        ValueError: There is neither.
    """
    key = api_key if is_given(api_key) and api_key else os.environ.get("DEEPGRAM_API_KEY")
    if not key:
        raise ValueError(
            "Deepgram API key is required, either as argument or set DEEPGRAM_API_KEY environment variable"
        )
    return key


def given(**arguments: Any) -> dict[str, Any]:
    """Return those arguments that were given."""
    return {name: value for name, value in arguments.items() if is_given(value)}


def or_none(value: Any) -> Any:
    """Return the value, ``None`` if it was not given."""
    return value if is_given(value) else None


def listed(value: NotGivenOr[str | Sequence[str] | None]) -> list[str]:
    """Return one string, several or none as a list."""
    if not is_given(value) or value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def keyterms_of(keyterm: Any, keyterms: Any) -> NotGivenOr[list[str]]:
    """Return the terms given under the one name or the other."""
    if is_given(keyterms):
        logger.warning("`keyterms` is deprecated, use `keyterm`")
        return list(keyterms)
    return listed(keyterm) if is_given(keyterm) else NOT_GIVEN


def changes_of(**arguments: Any) -> dict[str, Any]:
    """Return those arguments of ``update_options`` that were given, as the options have them.

    Raises:
        InvalidArgument: A tag is too long.
    """
    changes = given(**arguments)
    terms = keyterms_of(changes.pop("keyterm", NOT_GIVEN), changes.pop("keyterms", NOT_GIVEN))
    if "language" in changes:
        changes["language"] = LanguageCode(changes["language"])
    if "tags" in changes:
        changes["tags"] = check_tags(changes["tags"])
    return changes | given(keyterm=terms)


def check_tags(tags: Sequence[str]) -> list[str]:
    """Return the tags.

    Raises:
        InvalidArgument: One is too long.
    """
    for tag in tags:
        if len(tag) > _LONGEST_TAG:
            raise InvalidArgument("tags", f"one of {len(tag)} characters", f"of up to {_LONGEST_TAG} each")
    return list(tags)


def note_http_session(http_session: object) -> None:
    """Say that a given HTTP session stays unused."""
    if http_session is not None:
        logger.warning(
            "http_session is not used: connections of one event loop share a transport of their own; "
            "give transport= for other TLS or proxy settings"
        )


def check_names(changes: dict[str, Any], known: dict[str, Any]) -> None:
    """Raise `InvalidArgument` for a name that is no option."""
    for name, value in changes.items():
        if name not in known and name != "keyterms":
            raise InvalidArgument(name, value, "the name of an option")


@contextmanager
def named_as(**names: str) -> Iterator[None]:
    """Tell errors about the core's options by the names that the plugin's user wrote.

    Args:
        **names: From the core's name to the plugin's.
    """
    try:
        yield
    except InvalidArgument as error:
        name = names.get(error.argument, error.argument)
        raise InvalidArgument(name, error.value, error.allowed) from None
    except InvalidArgumentType as error:
        name = names.get(error.argument, error.argument)
        raise InvalidArgumentType(name, error.value, error.expected) from None


def with_fitting_model(changes: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The changes, where a new model does not know the language with one that does."""
    if "model" not in changes:
        return changes
    language = changes.get("language", arguments["language"])
    return {**changes, "model": model_for(changes["model"], language)}


def model_for(model: str, language: NotGivenOr[str] | None) -> str:
    """Return a model that knows the language."""
    if model in _ONLY_ENGLISH and is_given(language) and language and language not in _ENGLISH:
        logger.warning("%s does not support language %s, falling back to nova-2-general", model, language)
        return "nova-2-general"
    return model
