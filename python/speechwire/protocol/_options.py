"""The common base of the four endpoints' options: checks, query and URL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

import msgspec

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol._paths import Path
from speechwire.protocol._rules import Rule

__all__ = ["DEFAULT_BASE_URL", "Extra", "Options", "QueryValue"]

DEFAULT_BASE_URL = "wss://api.deepgram.com"

QueryValue = str | int | float | bool
Extra = Mapping[str, QueryValue | Sequence[QueryValue]] | Sequence[tuple[str, QueryValue]]

# A credential in a query ends up in every access log on the way.
_CREDENTIALS = frozenset({"access_token", "api_key", "apikey", "authorization", "bearer", "key", "token"})

# These must agree with the audio that is sent, so a URL may not declare others.
_OF_THE_AUDIO = ("encoding", "sample_rate", "channels")

_WEBSOCKET_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the endpoints' options: checked when made, immutable, hashable.

    Raises:
        InvalidArgument: A value is out of its range, or two of them contradict each other.
        InvalidArgumentType: A value has the wrong type.
    """

    extra: Extra = ()

    _path: ClassVar[Path]
    # One rule for each parameter, in the order of the query.
    _rules: ClassVar[Mapping[str, Rule]]
    # Fields that must not be None.
    _required: ClassVar[Collection[str]] = ("model",)
    # Fields named otherwise than their parameter.
    _parameter_names: ClassVar[Mapping[str, str]] = {}
    # Parameters the endpoint is known to refuse.
    _refused: ClassVar[Collection[str]] = ()

    def __post_init__(self) -> None:
        for name, rule in self._rules.items():
            value = getattr(self, name)
            if value is not None or name in self._required:
                msgspec.structs.force_setattr(self, name, rule(name, value))
        msgspec.structs.force_setattr(self, "extra", tuple(self._checked_extra()))
        self._check()

    def query(self) -> list[tuple[str, str]]:
        """The query parameters in order: booleans in lower case, lists as repeated parameters."""
        absent = self._absent()
        pairs = [
            (self._parameter_names.get(name, name), encoded)
            for name in self._rules
            if name not in absent
            for encoded in _encoded(getattr(self, name))
        ]
        return [*pairs, *self.extra]

    def url(self, base_url: str = DEFAULT_BASE_URL) -> str:
        """The URL to connect to.

        Args:
            base_url: ``wss://host``, to which the endpoint's path is added; or a URL with its own path, such
                as a gateway's, which is used unchanged. Its query is kept and comes first; a parameter in it
                overrides the options. ``http`` and ``https`` count as ``ws`` and ``wss``.

        Raises:
            InvalidArgument: It is not such a URL, names another endpoint, contains a credential, or
                contradicts the options' audio format.
        """
        parts = _split(base_url)
        path = parts.path if parts.path.strip("/") else str(self._path)
        if not path.rstrip("/").endswith(self._path):
            _refuse_other_endpoint(path.rstrip("/"), self._path)
        given = parse_qsl(parts.query, keep_blank_values=True)
        ours = self.query()
        _refuse_other_audio(given, ours)
        names = {name for name, _ in given}
        query = urlencode([pair for pair in ours if pair[0] not in names])
        whole = "&".join(filter(None, [_ascii(parts.query), query]))
        return f"{_WEBSOCKET_SCHEMES[parts.scheme]}://{_ascii_host(parts)}{_ascii(path)}?{whole}"

    def _check(self) -> None:
        """Checks the rules between arguments."""

    def _absent(self) -> Collection[str]:
        """Parameters that are left out because others make them meaningless."""
        return ()

    def _checked_extra(self) -> Iterator[tuple[str, str]]:
        for name, value in _pairs(self.extra):
            self._check_extra_name(name)
            yield name, value

    def _check_extra_name(self, name: str) -> None:
        if name.lower() in _CREDENTIALS:
            raise InvalidArgument("extra", name, "free of credentials, which belong in a header")
        if name in self._rules or name in self._parameter_names.values():
            raise InvalidArgument("extra", name, "parameters without an argument of their own")
        if name in self._refused:
            raise InvalidArgument("extra", name, f"parameters {self._path} does not refuse")


def _pairs(extra: Extra) -> Iterator[tuple[str, str]]:
    items: Any = extra.items() if isinstance(extra, Mapping) else extra
    if isinstance(items, (str, bytes)) or not isinstance(items, Iterable):
        raise InvalidArgumentType("extra", extra, "a mapping or a sequence of pairs")
    for pair in items:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise InvalidArgumentType("extra", pair, "pairs of a parameter's name and value")
        for encoded in _encoded(pair[1]):
            yield pair[0], encoded


def _encoded(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (str, int, float)):
        return [str(value)]
    if isinstance(value, (list, tuple)):
        return [encoded for item in value for encoded in _encoded(item)]
    raise InvalidArgumentType("extra", value, "values of str, int, float, bool or a list of them")


def _ascii(text: str) -> str:
    """A path or query with only its non-ASCII characters percent-encoded."""
    return quote(text, safe="%/?:@!$&'()*+,;=-._~[]")


def _ascii_host(parts: SplitResult) -> str:
    if parts.netloc.isascii():
        return parts.netloc
    host = (parts.hostname or "").encode("idna").decode()
    return f"{host}:{parts.port}" if parts.port else host


def _split(base_url: str) -> SplitResult:
    if not isinstance(base_url, str):
        raise InvalidArgumentType("base_url", base_url, "a str")
    base_url = base_url.strip()  # from a file or a variable of the environment
    allowed = "a URL such as wss://api.deepgram.com"
    # The URL itself is not shown: it may hold what must stay secret.
    try:
        parts = urlsplit(base_url)
        parts.port  # noqa: B018  # parsed only when asked for
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise InvalidArgument("base_url", str(error), allowed) from None
    if parts.scheme not in _WEBSOCKET_SCHEMES or not parts.hostname:
        raise InvalidArgument("base_url", f"scheme {parts.scheme!r}, host {parts.hostname!r}", allowed)
    if parts.username is not None or parts.password is not None:
        raise InvalidArgument(
            "base_url", "a user or password", "free of credentials, which belong in a header"
        )
    if " " in parts.netloc:
        raise InvalidArgument("base_url", "a host with a blank in it", allowed)
    if parts.fragment:
        raise InvalidArgument("base_url", "a fragment", "free of a fragment")
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name.lower() in _CREDENTIALS:
            raise InvalidArgument("base_url", name, "free of credentials, which belong in a header")
    return parts


def _refuse_other_audio(given: Sequence[tuple[str, str]], ours: Sequence[tuple[str, str]]) -> None:
    """Raises if the URL declares another audio format than the options."""
    for name in _OF_THE_AUDIO:
        there = [value for key, value in given if key == name]
        if there and there != [value for key, value in ours if key == name]:
            raise InvalidArgument("base_url", f"{name}={there[0]}", f"free of {name}, which is an argument")


def _refuse_other_endpoint(path: str, wanted: Path) -> None:
    for other in Path:
        if path.endswith(other):
            raise InvalidArgument("base_url", str(other), f"without a path, or with {wanted}")
