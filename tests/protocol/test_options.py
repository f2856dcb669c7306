"""Query parameters: what is sent, and each rule on both sides of its limit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol import (
    ListenV1Options,
    ListenV2Options,
    SpeakV1Options,
    SpeakV2Options,
)

CLASSES: dict[str, type[Any]] = {
    "v1": ListenV1Options,
    "v2": ListenV2Options,
    "aura": SpeakV1Options,
    "flux": SpeakV2Options,
}

UTTERANCE_END = {"interim_results": True}
MULTI = {"model": "flux-general-multi"}
LONG = "k" * 100

# Which options, the arguments beside it, the argument, values that pass, values that do not.
RULES: list[tuple[str, dict[str, Any], str, list[Any], list[Any]]] = [
    (
        "v1",
        {},
        "model",
        ["nova-3", "nova-2-phonecall", "base", "5c7f-custom"],
        ["", " ", "flux-general-en", "aura-2-thalia-en"],
    ),
    ("v1", {}, "version", ["latest"], [""]),
    ("v1", {}, "language", ["en-US", "multi"], [""]),
    ("v1", {"language": "multi"}, "language_hint", [["en", "es"], ()], [["en", ""]]),
    ("v1", {"language": "en"}, "language_hint", [()], [["en"]]),
    (
        "v1",
        {},
        "encoding",
        ["linear16", "linear32", "flac", "alaw", "mulaw", "opus", "ogg-opus", "speex", "g729", None],
        ["mp3", "LINEAR16", ""],
    ),
    ("v1", {"encoding": "amr-nb"}, "sample_rate", [8000], [16000, None]),
    ("v1", {"encoding": "amr-wb"}, "sample_rate", [16000], [8000, None]),
    ("v1", {}, "sample_rate", [4000, 8000, 48000, 192000], [3999, 192001, None]),
    ("v1", {"encoding": None}, "sample_rate", [None, 16000], [3999]),
    ("v1", {}, "channels", [1, 2, 32], [0, -1]),
    ("v1", {"multichannel": True}, "channels", [1, 20], [21]),
    ("v1", {}, "endpointing", [False, 0, 10, 5000], [-1]),
    ("v1", UTTERANCE_END, "utterance_end_ms", [1000, 5000], [999, 5001]),
    ("v1", {}, "utterance_end_ms", [None], [1000]),
    ("v1", {"interim_results": False}, "utterance_end_ms", [None], [1000]),
    ("v1", {}, "replace", [["a:b", "a:"], ()], [["a"], [":b"]]),
    ("v1", {}, "extra_metadata", [["a:b"]], [["a"]]),
    (
        "v1",
        {},
        "keyterm",
        [["Kvaerner"], ["a b"] * 250, ["k" * 12] * 500],
        [[""], ["a"] * 501, ["k" * 13] * 251],
    ),
    ("v1", {"model": "nova-3-medical"}, "keyterm", [["Kvaerner"]], []),
    ("v1", {"model": "my-own-model"}, "keyterm", [["Kvaerner"]], []),
    ("v1", {"model": "nova-2"}, "keyterm", [()], [["Kvaerner"]]),
    ("v1", {"model": "enhanced-meeting"}, "keyterm", [()], [["Kvaerner"]]),
    ("v1", {"model": "phonecall"}, "keyterm", [()], [["Kvaerner"]]),
    (
        "v1",
        {"model": "nova-2"},
        "keywords",
        [["snuffy:1.5", "a", "b:-2"], ["w"] * 100],
        [["w"] * 101, ["a:b"], [":2"], [""]],
    ),
    ("v1", {}, "keywords", [()], [["snuffy"]]),
    ("v1", {"model": "nova-3-general"}, "keywords", [()], [["snuffy"]]),
    ("v1", {}, "diarize_model", ["latest", "v1"], ["v2", ""]),
    ("v1", {"diarize": True}, "diarize_model", [None], ["latest"]),
    ("v1", {"diarize": False}, "diarize_model", [None], ["latest"]),
    (
        "v1",
        {},
        "callback",
        ["https://a.example/x", "ws://a.example:8080", "http://a:443", "wss://a:8443"],
        ["ftp://a", "a.example", "https://a:8081", "https://a:99999", "https://"],
    ),
    (
        "v1",
        {"callback": "https://a.example"},
        "callback_method",
        ["POST", "GET", "PUT", "DELETE"],
        ["PATCH", "post"],
    ),
    ("v1", {}, "callback_method", [None], ["POST"]),
    ("v1", {}, "redact", [["pci", "numbers"], ["true"]], [[""]]),
    (
        "v1",
        {},
        "extra",
        [{"sentiment": True}, [("a", 1), ("a", 2)], {}],
        [{"summarize": "v2"}, {"topics": True}, {"intents": True}, {"extra": "a:b"}],
    ),
    (
        "v2",
        {},
        "model",
        ["flux-general-en", "flux-general-multi", "custom"],
        ["nova-3", "nova-2-general", "base", "aura-2-thalia-en", ""],
    ),
    (
        "v2",
        {},
        "encoding",
        ["linear16", "linear32", "mulaw", "alaw", "opus", "ogg-opus", None],
        ["flac", "amr-nb"],
    ),
    ("v2", {}, "sample_rate", [8000, 16000, 24000, 44100, 48000], [None, 22050, 32000, 0]),
    ("v2", {"encoding": None}, "sample_rate", [None, 16000], [22050]),
    ("v2", {"encoding": "ogg-opus"}, "sample_rate", [None, 48000], []),
    ("v2", {}, "eot_threshold", [0.5, 0.7, 1.0, 1], [0.49, 1.01, float("nan")]),
    ("v2", {}, "eager_eot_threshold", [0.3, 0.7], [0.29, 0.71]),
    ("v2", {"eot_threshold": 0.9}, "eager_eot_threshold", [0.9], [0.91]),
    ("v2", {"eot_threshold": 1.0}, "eager_eot_threshold", [0.9], [0.91]),
    ("v2", {"eot_threshold": 0.5}, "eager_eot_threshold", [0.5], [0.51]),
    ("v2", {}, "eot_timeout_ms", [500, 60000], [499, 60001]),
    ("v2", {}, "keyterm", [["k"] * 100, [LONG]], [["k"] * 101, [LONG + "k"], [""]]),
    ("v2", MULTI, "language_hint", [["en", "pt-BR"]], [[""]]),
    ("v2", {}, "language_hint", [()], [["en"]]),
    ("v2", {"model": "custom"}, "language_hint", [["en"]], []),
    ("v2", {}, "redact", ["numbers", "aggressive_numbers"], ["pci", "true"]),
    (
        "v2",
        {},
        "extra",
        [{"brand_new": 1}],
        [{"language": "en"}, {"channels": 1}, {"smart_format": True}, {"keyterm": "a"}],
    ),
    ("aura", {}, "model", ["aura-2-thalia-en", "aura-asteria-en", "custom"], ["flux-alexis-en", "nova-3"]),
    ("aura", {}, "encoding", ["linear16", "mulaw", "alaw"], ["mp3", "opus", "flac", "aac"]),
    ("aura", {}, "sample_rate", [8000, 16000, 24000, 32000, 48000, None], [44100, 22050]),
    ("aura", {"encoding": "mulaw"}, "sample_rate", [8000, 16000, None], [24000, 48000]),
    ("aura", {}, "speed", [0.7, 1.5], [0.69, 1.51]),
    ("aura", {"model": "aura-2-celeste-es"}, "speed", [1.1], []),
    ("aura", {"model": "aura-2-viktoria-de"}, "speed", [None], [1.1]),
    ("aura", {"model": "aura-asteria-en"}, "speed", [None], [1.1]),
    ("aura", {"model": "custom"}, "speed", [1.1], []),
    ("aura", {}, "container", ["none", None], ["wav"]),
    ("aura", {}, "extra", [{"x": 1}], [{"bit_rate": 1}, {"callback": "x"}]),
    ("flux", {}, "model", ["flux-alexis-en", "custom"], ["aura-2-thalia-en", "nova-3"]),
    ("flux", {}, "encoding", ["linear16", "mulaw", "alaw"], ["mp3"]),
    ("flux", {}, "sample_rate", [8000, 16000, 24000, 32000, 44100, 48000, None], [22050]),
    ("flux", {"encoding": "alaw"}, "sample_rate", [8000, 16000], [44100]),
    ("flux", {}, "speed", [0.5, 0.55, 0.15 * 7, 1.5], [0.45, 1.55, 1.02]),
    ("flux", {}, "expressivity", [-2, 0, 2], [-3, 3]),
    ("flux", {}, "extra", [{"x": 1}], [{"container": "none"}, {"bit_rate": 1}]),
]


@pytest.mark.parametrize(("which", "beside", "argument", "good", "bad"), RULES)
def test_a_rule_on_both_sides(
    which: str, beside: dict[str, Any], argument: str, good: list[Any], bad: list[Any]
) -> None:
    for value in good:
        CLASSES[which](**beside, **{argument: value})
    for value in bad:
        with pytest.raises(InvalidArgument) as caught:
            CLASSES[which](**beside, **{argument: value})
        assert caught.value.argument == argument, value


FLAGS = {
    "v1": "multichannel interim_results vad_events punctuate smart_format numerals dictation "
    "profanity_filter detect_entities diarize mip_opt_out filler_words no_delay measurements",
    "v2": "profanity_filter numerals mip_opt_out",
    "aura": "mip_opt_out",
    "flux": "mip_opt_out",
}


@pytest.mark.parametrize(
    ("which", "flag"), [(w, flag) for w, names in FLAGS.items() for flag in names.split()]
)
def test_flags(which: str, flag: str) -> None:
    assert (flag, "true") in CLASSES[which](**{flag: True}).query()
    assert (flag, "false") in CLASSES[which](**{flag: False}).query()
    assert flag not in dict(CLASSES[which]().query())
    for wrong in (1, "true"):
        with pytest.raises(InvalidArgumentType, match=f"{flag} must be a bool"):
            CLASSES[which](**{flag: wrong})


@pytest.mark.parametrize(
    ("which", "argument", "value"),
    [
        ("v1", "model", None),
        ("v1", "model", 3),
        ("v1", "channels", None),
        ("v1", "channels", True),
        ("v1", "sample_rate", 16000.0),
        ("v1", "endpointing", True),
        ("v1", "endpointing", "10"),
        ("v1", "keyterm", "Kvaerner"),
        ("v1", "keyterm", 3),
        ("v1", "keyterm", [3]),
        ("v1", "encoding", ["linear16"]),
        ("v1", "extra", "a=b"),
        ("v1", "extra", 3),
        ("v1", "extra", [("a",)]),
        ("v1", "extra", [(1, "b")]),
        ("v1", "extra", {"a": object()}),
        ("v2", "eot_threshold", "0.7"),
        ("v2", "eot_threshold", True),
        ("v2", "eot_timeout_ms", 5000.0),
        ("v2", "sample_rate", 16000.0),
        ("aura", "encoding", None),
        ("flux", "expressivity", 1.0),
    ],
)
def test_wrong_types(which: str, argument: str, value: object) -> None:
    with pytest.raises(InvalidArgumentType, match=argument):
        CLASSES[which](**{argument: value})


@pytest.mark.parametrize("argument", ["model", "language", "keyterm"])
def test_text_that_cannot_be_encoded(argument: str) -> None:
    value: Any = ["a\ud800"] if argument == "keyterm" else "a\ud800"
    with pytest.raises(InvalidArgument, match="lone surrogates"):
        CLASSES["v1"](**{argument: value})


def test_the_defaults_say_what_the_pipeline_makes() -> None:
    assert ListenV1Options().query() == [
        ("model", "nova-3"),
        ("encoding", "linear16"),
        ("sample_rate", "16000"),
        ("channels", "1"),
    ]
    assert ListenV2Options().query() == [
        ("model", "flux-general-en"),
        ("encoding", "linear16"),
        ("sample_rate", "16000"),
    ]
    assert SpeakV1Options().query() == [("model", "aura-2-thalia-en"), ("encoding", "linear16")]
    assert SpeakV2Options().query() == [("model", "flux-alexis-en"), ("encoding", "linear16")]


def test_every_parameter_of_v1_is_encoded() -> None:
    options = ListenV1Options(
        model="nova-3",
        version="latest",
        language="multi",
        language_hint=["en", "es"],
        channels=2,
        multichannel=True,
        interim_results=True,
        endpointing=False,
        utterance_end_ms=1000,
        redact=["pci", "ssn"],
        replace=["a:b"],
        search=["x y"],
        keyterm=["order number", "Kværner"],
        diarize_model="latest",
        callback="https://a.example/b?c=d",
        callback_method="PUT",
        extra_metadata=["call:7"],
        tag=["t1", "t2"],
        extra={"sentiment": True, "n": [1, 2.5]},
    )
    assert options.url().partition("?")[2] == (
        "model=nova-3&version=latest&language=multi&language_hint=en&language_hint=es&encoding=linear16"
        "&sample_rate=16000&channels=2&multichannel=true&interim_results=true&endpointing=false"
        "&utterance_end_ms=1000&redact=pci&redact=ssn&replace=a%3Ab&search=x+y&keyterm=order+number"
        "&keyterm=Kv%C3%A6rner&diarize_model=latest&callback=https%3A%2F%2Fa.example%2Fb%3Fc%3Dd"
        "&callback_method=PUT&extra=call%3A7&tag=t1&tag=t2&sentiment=true&n=1&n=2.5"
    )


def test_every_parameter_of_v2_is_encoded() -> None:
    options = ListenV2Options(
        model="flux-general-multi",
        sample_rate=48000,
        eot_threshold=1,
        eager_eot_threshold=0.5,
        eot_timeout_ms=3000,
        keyterm=["a", "b"],
        language_hint=["de"],
        profanity_filter=False,
        numerals=True,
        redact="numbers",
        mip_opt_out=True,
        tag=["x"],
    )
    assert dict(options.query()) | {"keyterm": "b"} == {
        "model": "flux-general-multi",
        "encoding": "linear16",
        "sample_rate": "48000",
        "eot_threshold": "1",
        "eager_eot_threshold": "0.5",
        "eot_timeout_ms": "3000",
        "keyterm": "b",
        "language_hint": "de",
        "profanity_filter": "false",
        "numerals": "true",
        "redact": "numbers",
        "mip_opt_out": "true",
        "tag": "x",
    }


def test_steps_are_encoded_as_they_are_meant() -> None:
    speed = 0.1 + 0.2 + 0.8
    assert str(speed) == "1.1" or ("speed", "1.1") in SpeakV2Options(speed=speed).query()
    assert ("speed", "1.05") in SpeakV2Options(speed=0.35 * 3).query()


@pytest.mark.parametrize("cls", [ListenV1Options, ListenV2Options])
def test_a_container_tells_its_own_format(cls: type[Any]) -> None:
    names = {name for name, _ in cls(encoding=None).query()}
    assert not names & {"encoding", "sample_rate", "channels"}


def test_the_rate_that_comes_when_none_is_asked_for() -> None:
    assert SpeakV1Options().output_rate == 24000
    assert SpeakV1Options(encoding="mulaw").output_rate == 8000
    assert SpeakV1Options(sample_rate=48000).output_rate == 48000


@pytest.mark.parametrize("cls", CLASSES.values())
def test_options_are_values(cls: type[Any]) -> None:
    options = cls()
    assert options == cls()
    assert hash(options) == hash(cls())
    with pytest.raises(AttributeError):
        options.extra = ()
    with pytest.raises(InvalidArgumentType):
        msgspec.structs.replace(options, model=7)


def test_lists_are_kept_as_tuples_of_their_own() -> None:
    terms = ["a"]
    options = ListenV2Options(keyterm=terms)
    terms.append("b")
    assert options.keyterm == ("a",)
