"""Query parameters of ``/v1/listen`` (Deepgram docs: reference/speech-to-text/listen-streaming)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol import _models
from speechwire.protocol._options import Options
from speechwire.protocol._paths import Path
from speechwire.protocol._rules import Rule, flag, integer, one_of, text, texts

__all__ = ["KEYTERM_TOKENS", "ListenV1Options", "check_keyterm_tokens", "least_tokens"]

KEYTERM_TOKENS = 500
"""The service's limit on the tokens of all keyterms together."""

_ENCODINGS = frozenset(
    {"alaw", "amr-nb", "amr-wb", "flac", "g729", "linear16", "linear32", "mulaw", "ogg-opus", "opus", "speex"}
)
_FIXED_RATES = {"amr-nb": 8000, "amr-wb": 16000}
_CALLBACK_SCHEMES = frozenset({"http", "https", "ws", "wss"})
_CALLBACK_PORTS = frozenset({80, 443, 8080, 8443})
_MOST_CHANNELS = 20
# A token of a sub-word vocabulary is rarely longer than this.
_LONGEST_TOKEN = 12


def _endpointing(name: str, value: object) -> int | bool:
    if value is False:
        return False
    if not isinstance(value, int) or value is True:
        raise InvalidArgumentType(name, value, "an int of milliseconds, or False")
    if value < 0:
        raise InvalidArgument(name, value, "0 ms or more, or False")
    return value


def _keyword(name: str, value: object) -> str:
    word = text(name, value)
    term, colon, intensifier = word.rpartition(":")
    if colon and (not term or not _is_number(intensifier)):
        raise InvalidArgument(name, word, "word or word:intensifier, the intensifier a number")
    return word


def _pair(name: str, value: object) -> str:
    pair = text(name, value)
    if not pair.partition(":")[0] or ":" not in pair:
        raise InvalidArgument(name, pair, "of the form first:second")
    return pair


def _callback(name: str, value: object) -> str:
    url = text(name, value)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidArgument(name, str(error), "a URL") from None
    if parts.scheme not in _CALLBACK_SCHEMES or not parts.hostname:
        raise InvalidArgument(name, f"scheme {parts.scheme!r}", "an http, https, ws or wss URL")
    if port is not None and port not in _CALLBACK_PORTS:
        raise InvalidArgument(name, f"port {port}", "a URL with port 80, 443, 8080 or 8443")
    return url


class ListenV1Options(Options, frozen=True, kw_only=True):
    """What to recognise, and how. ``None`` and an empty sequence leave a parameter to the service.

    Args:
        model: Nova, Enhanced or Base by name, or a custom model's id; not Flux.
        version: Version of the model; the service takes ``latest``.
        language: BCP-47 tag, or ``multi`` to follow the speaker from language to language.
        language_hint: Languages to expect; only with ``language="multi"``.
        encoding: Of header-less audio. ``None`` for audio in a container (WAV, Ogg, WebM), which tells
            the service itself; `sample_rate` and `channels` are then not sent.
        sample_rate: In Hz, 4000 to 192000; ``amr-nb`` has 8000 and ``amr-wb`` 16000.
        channels: Interleaved in the audio; 1 to 20 with `multichannel`.
        multichannel: One series of results for each channel.
        interim_results: Results before they are final.
        endpointing: Silence in ms after which ``speech_final`` is set, or ``False`` for never. The service
            takes 10.
        utterance_end_ms: Gap after a word, 1000 to 5000 ms, that brings ``UtteranceEnd``; needs
            `interim_results`.
        vad_events: Send ``SpeechStarted``.
        punctuate: Punctuation and capitals.
        smart_format: Numbers, dates and the like as written; implies punctuation; can delay finals.
        numerals: Numbers in digits.
        dictation: Spoken punctuation becomes punctuation.
        profanity_filter: Mask swear words.
        redact: What to mask: ``pci``, ``ssn``, ``numbers``, ``aggressive_numbers``, ``true``.
        replace: ``find:replace`` pairs.
        search: Terms to look for in the audio.
        keyterm: Phrases to favour, Nova-3 only; 500 tokens in all (see `least_tokens`).
        keywords: ``word`` or ``word:intensifier``, up to 100; not for Nova-3.
        detect_entities: Put entities in the finals.
        diarize: Number the speakers; deprecated in favour of `diarize_model`.
        diarize_model: ``latest`` or ``v1``; not together with `diarize`.
        callback: URL the results go to; port 80, 443, 8080 or 8443.
        callback_method: ``POST``, ``GET``, ``PUT`` or ``DELETE``; only with `callback`.
        extra_metadata: The parameter ``extra``: ``key:value`` pairs to find again in the results.
        tag: Labels in the usage report.
        mip_opt_out: Keep the audio out of the model improvement program.
        filler_words: Keep "uh" and "um"; not in Deepgram's current reference.
        no_delay: Do not hold finals back for formatting; not in Deepgram's current reference.
        measurements: Units abbreviated; not in Deepgram's current reference.
        extra: Further parameters by name, unchecked; the service ignores what it does not know.

    Raises:
        InvalidArgument: The service would refuse the connection.
        InvalidArgumentType: A value has the wrong type.
    """

    model: str = "nova-3"
    version: str | None = None
    language: str | None = None
    language_hint: Sequence[str] = ()
    encoding: str | None = "linear16"
    sample_rate: int | None = 16000
    channels: int = 1
    multichannel: bool | None = None
    interim_results: bool | None = None
    endpointing: int | Literal[False] | None = None
    utterance_end_ms: int | None = None
    vad_events: bool | None = None
    punctuate: bool | None = None
    smart_format: bool | None = None
    numerals: bool | None = None
    dictation: bool | None = None
    profanity_filter: bool | None = None
    redact: Sequence[str] = ()
    replace: Sequence[str] = ()
    search: Sequence[str] = ()
    keyterm: Sequence[str] = ()
    keywords: Sequence[str] = ()
    detect_entities: bool | None = None
    diarize: bool | None = None
    diarize_model: str | None = None
    callback: str | None = None
    callback_method: str | None = None
    extra_metadata: Sequence[str] = ()
    tag: Sequence[str] = ()
    mip_opt_out: bool | None = None
    filler_words: bool | None = None
    no_delay: bool | None = None
    measurements: bool | None = None

    _path: ClassVar[Path] = Path.LISTEN_V1
    _required: ClassVar[Collection[str]] = ("model", "channels")
    _parameter_names: ClassVar[Mapping[str, str]] = {"extra_metadata": "extra"}
    _refused: ClassVar[Collection[str]] = frozenset({"intents", "summarize", "topics"})
    _rules: ClassVar[Mapping[str, Rule]] = {
        "model": text,
        "version": text,
        "language": text,
        "language_hint": texts(),
        "encoding": one_of(_ENCODINGS),
        "sample_rate": integer(4000, 192000),
        "channels": integer(1),
        "multichannel": flag,
        "interim_results": flag,
        "endpointing": _endpointing,
        "utterance_end_ms": integer(1000, 5000),
        "vad_events": flag,
        "punctuate": flag,
        "smart_format": flag,
        "numerals": flag,
        "dictation": flag,
        "profanity_filter": flag,
        "redact": texts(),
        "replace": texts(item=_pair),
        "search": texts(),
        "keyterm": texts(),
        "keywords": texts(most=100, item=_keyword),
        "detect_entities": flag,
        "diarize": flag,
        "diarize_model": one_of({"latest", "v1"}),
        "callback": _callback,
        "callback_method": one_of({"POST", "GET", "PUT", "DELETE"}),
        "extra_metadata": texts(item=_pair),
        "tag": texts(),
        "mip_opt_out": flag,
        "filler_words": flag,
        "no_delay": flag,
        "measurements": flag,
    }

    @property
    def takes_keyterms(self) -> bool:
        """Whether the model may know ``keyterm``: Nova-3 does, and a custom model might."""
        return _models.is_nova_3(self.model) or not _models.is_listen_v1(self.model)

    def _absent(self) -> Collection[str]:
        return ("sample_rate", "channels") if self.encoding is None else ()

    def _check(self) -> None:
        if _models.is_flux(self.model) or _models.is_aura(self.model):
            _models.refuse(self.model, f"a model of {self._path} (Flux is on /v2/listen, Aura on /v1/speak)")
        self._check_format()
        self._check_vocabulary()
        self._check_pairs()

    def _check_format(self) -> None:
        if self.encoding is not None and self.sample_rate is None:
            raise InvalidArgument("sample_rate", None, f"given with encoding={self.encoding!r}")
        fixed = _FIXED_RATES.get(self.encoding or "")
        if fixed and self.sample_rate != fixed:
            raise InvalidArgument("sample_rate", self.sample_rate, f"{fixed} with encoding={self.encoding!r}")
        if self.multichannel and self.channels > _MOST_CHANNELS:
            raise InvalidArgument("channels", self.channels, f"at most {_MOST_CHANNELS} with multichannel")

    def _check_vocabulary(self) -> None:
        if self.keyterm and not self.takes_keyterms:
            raise InvalidArgument(
                "keyterm", f"{len(self.keyterm)} terms", "empty unless the model is Nova-3; use keywords"
            )
        if self.keywords and _models.is_nova_3(self.model):
            raise InvalidArgument(
                "keywords", f"{len(self.keywords)} words", "empty when the model is Nova-3; use keyterm"
            )
        check_keyterm_tokens("keyterm", self.keyterm or ())
        if self.language_hint and self.language != "multi":
            raise InvalidArgument("language_hint", self.language_hint, "empty unless language is 'multi'")

    def _check_pairs(self) -> None:
        if self.utterance_end_ms is not None and not self.interim_results:
            raise InvalidArgument(
                "utterance_end_ms", self.utterance_end_ms, "None unless interim_results is true"
            )
        if self.diarize is not None and self.diarize_model is not None:
            raise InvalidArgument("diarize_model", self.diarize_model, "None when diarize is given")
        if self.callback_method is not None and self.callback is None:
            raise InvalidArgument("callback_method", self.callback_method, "None unless callback is given")


def least_tokens(keyterms: Sequence[str]) -> int:
    """The fewest tokens `keyterms` can come to.

    Deepgram counts sub-word tokens with a vocabulary it does not publish: an ordinary word costs one or two,
    a rare one about one for every two characters. This counts one for every twelve begun characters of a
    word, so that a list over the limit here is over it there; the reverse does not hold.
    """
    return sum(-(-len(word) // _LONGEST_TOKEN) for term in keyterms for word in term.split())


def check_keyterm_tokens(name: str, keyterms: Sequence[str]) -> None:
    """Raises `InvalidArgument` if `keyterms` cannot fit in the service's limit."""
    tokens = least_tokens(keyterms)
    if tokens > KEYTERM_TOKENS:
        raise InvalidArgument(name, f"at least {tokens} tokens", f"at most {KEYTERM_TOKENS} tokens in all")


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
