"""Pipecat's private names that the services use, each in one function.

Pipecat's own services use them all, and a service of somebody else's has no other way. They are listed in
``docs/private-parts.md``; ``tests/pipecat/test_private_names.py`` fails when one is gone or has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipecat.services.ai_service import AIService
from pipecat.services.stt_service import STTService
from pipecat.transcriptions.language import Language
from pipecat.turns.eager_end_of_turn_mixin import EagerEndOfTurnSTTServiceMixin

__all__ = [
    "announce",
    "clear_eager_end_of_turn",
    "push_eager_end_of_turn",
    "register_events",
    "speaker",
    "sync_model_name",
    "warn_of_moved_argument",
    "withdraw_eager_end_of_turn",
]


def register_events(service: AIService, names: Iterable[str]) -> None:
    """Let the application add handlers for events of these names (``BaseObject._register_event_handler``)."""
    for name in names:
        service._register_event_handler(name)


async def announce(service: AIService, name: str, *arguments: object) -> None:
    """Call the application's handlers of an event (``BaseObject._call_event_handler``)."""
    await service._call_event_handler(name, *arguments)


def speaker(service: STTService) -> str:
    """Whose audio came last (``STTService._user_id``)."""
    return str(service._user_id)


def sync_model_name(service: AIService) -> None:
    """Have the metrics carry the model of the settings (``AIService._sync_model_name_to_metrics``)."""
    service._sync_model_name_to_metrics()


def warn_of_moved_argument(service: AIService, argument: str, setting: str | None = None) -> None:
    """Say that an argument is a setting now (``AIService._warn_init_param_moved_to_settings``)."""
    service._warn_init_param_moved_to_settings(argument, setting, stacklevel=4)


async def push_eager_end_of_turn(
    service: EagerEndOfTurnSTTServiceMixin, text: str, language: Language | None, result: Any
) -> None:
    """Predict the end of the turn (``EagerEndOfTurnSTTServiceMixin._push_eager_end_of_turn``)."""
    await service._push_eager_end_of_turn(text, user_id=speaker(service), language=language, result=result)


async def withdraw_eager_end_of_turn(service: EagerEndOfTurnSTTServiceMixin) -> None:
    """Take the prediction back (``EagerEndOfTurnSTTServiceMixin._cancel_eager_end_of_turn``)."""
    await service._cancel_eager_end_of_turn()


def clear_eager_end_of_turn(service: EagerEndOfTurnSTTServiceMixin) -> None:
    """The turn has ended as predicted (``EagerEndOfTurnSTTServiceMixin._clear_eager_end_of_turn``)."""
    service._clear_eager_end_of_turn()
