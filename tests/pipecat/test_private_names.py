"""What the services rest on beyond Pipecat's public names: this fails when the framework changes it."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from pipecat.services.ai_service import AIService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.turns.eager_end_of_turn_mixin import EagerEndOfTurnSTTServiceMixin
from pipecat.utils.base_object import BaseObject

import pipecat_speechwire
from pipecat_speechwire import (
    SpeechwireFluxSTTService,
    SpeechwireSTTService,
    SpeechwireTTSService,
    _private,
)

KEY = "not-a-real-key"
SOURCES = sorted(Path(pipecat_speechwire.__file__).parent.glob("*.py"))
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "private-parts.md").read_text(encoding="utf-8")

SIGNATURES = {
    (AIService, "_sync_model_name_to_metrics"): ["self"],
    (AIService, "_update_settings"): ["self", "delta"],
    (AIService, "_warn_init_param_moved_to_settings"): [
        "self",
        "param_name",
        "settings_field",
        "stacklevel",
        "deprecated_since",
    ],
    (BaseObject, "_call_event_handler"): ["self", "event_name", "args", "kwargs"],
    (BaseObject, "_register_event_handler"): ["self", "event_name", "sync"],
    (EagerEndOfTurnSTTServiceMixin, "_push_eager_end_of_turn"): [
        "self",
        "transcript",
        "user_id",
        "language",
        "result",
    ],
    (EagerEndOfTurnSTTServiceMixin, "_cancel_eager_end_of_turn"): ["self"],
    (EagerEndOfTurnSTTServiceMixin, "_clear_eager_end_of_turn"): ["self"],
}
ATTRIBUTES = {(STTService, "_user_id")}

# Overridden on purpose; what else the classes and Pipecat's share by name would be an accident.
OVERRIDDEN = {
    "_update_settings",
    "can_generate_metrics",
    "cancel",
    "cleanup",
    "emit_stt_usage_metrics",
    "flush_audio",
    "format_pronunciation",
    "on_audio_context_interrupted",
    "process_audio_frame",
    "process_frame",
    "run_stt",
    "run_tts",
    "service_metadata_frame",
    "set_usable",
    "setup",
    "stop",
    "supports_processing_metrics",
    "supports_ttfs",
}
# Patched in by the decorators of Pipecat's tracing.
TRACING = {"push_frame", "start_stt_usage_metrics", "stop_ttfb_metrics", "start_tts_usage_metrics"}


@pytest.mark.parametrize(("owner", "name"), SIGNATURES, ids=lambda each: getattr(each, "__name__", each))
def test_the_framework_has_it_as_it_was(owner: type[Any], name: str) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == SIGNATURES[owner, name]


def test_the_last_speaker_is_a_str() -> None:
    service = DeepgramSTTService(api_key=KEY)
    assert [getattr(service, name) for _, name in ATTRIBUTES] == [""]


def test_no_other_private_name_is_used() -> None:
    """Of anything but ``self`` and ``super()``, outside the one module that may."""
    known = {name for _, name in (*SIGNATURES, *ATTRIBUTES)}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and re.fullmatch(r"_[a-z]\w*", node.attr):
                allowed = known if path.name == "_private.py" or of_super(node) else set()
                assert of_self(node) or node.attr in allowed, f"{path.name}: {ast.unparse(node)}"


def of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def of_super(node: ast.Attribute) -> bool:
    return ast.unparse(node.value) == "super()"


@pytest.mark.parametrize(
    ("ours", "base"),
    [
        (SpeechwireSTTService, STTService),
        (SpeechwireFluxSTTService, STTService),
        (SpeechwireTTSService, TTSService),
    ],
)
def test_no_name_is_shared_by_accident(ours: type[Any], base: type[Any]) -> None:
    """A method or an attribute of ours in the place of one of Pipecat's would break what nobody looked at."""
    classes = [each for each in ours.__mro__ if each.__module__.startswith("pipecat_speechwire")]
    names = {name for each in classes for name in vars(each) if not name.startswith("__")}
    own_attributes = {name for each in classes for name in assigned(each)}
    theirs = set(dir(base)) | instance_attributes(base)
    assert names & theirs - TRACING - {"_abc_impl"} <= OVERRIDDEN
    assert own_attributes & theirs == set()


def assigned(kind: type[Any]) -> set[str]:
    """What a class of ours sets on ``self``."""
    return set(re.findall(r"\bself\.(_\w+)(?:: [^=\n]+)? = ", inspect.getsource(kind)))


def instance_attributes(base: type[Any]) -> set[str]:
    """What the framework's classes set on ``self``."""
    sources = [inspect.getsource(each) for each in base.__mro__ if each.__module__.startswith("pipecat")]
    return {name for source in sources for name in re.findall(r"\bself\.(_\w+)(?:: [^=\n]+)? = ", source)}


def test_each_stands_behind_one_function_and_on_the_page() -> None:
    listed = PAGE.partition("## Pipecat\n")[2].partition("\n## ")[0]
    source = inspect.getsource(_private)
    for owner, name in (*SIGNATURES, *ATTRIBUTES):
        assert name in listed
        assert owner.__name__ in listed
        uses = len(re.findall(rf"service\.{name}\b", source))
        assert uses == (0 if name == "_update_settings" else 1), name
