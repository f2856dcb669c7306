"""A server's settings: one table for the file, the environment, the options and the documentation."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.server.limits import Limits

__all__ = ["PREFIX", "Config", "Setting", "load", "settings", "unread_variables"]

PREFIX: Final = "SPEECHWIRE_SERVE_"
"""The prefix of environment variables that are settings."""


def _setting(default: Any, help: str, *, secret: bool = False) -> Any:
    metadata = {"help": help, "secret": secret}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A server's settings. Secrets are left out of ``repr``.

    Each can be set in the file (a key of the same name), in the environment (:data:`PREFIX` and the name in
    capitals) and on the command line (``--`` and the name with hyphens). The command line overrides the
    environment, which overrides the file. :func:`settings` describes each.

    Raises:
        InvalidArgument: A value is out of range, or contradicts another.
    """

    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(8080, "port to listen on; 0 takes any free one")
    public_url: str = _setting(
        "", "how callers reach this server, such as https://voice.example.com: providers sign that"
    )
    auth: str = _setting(
        "auto",
        "auto asks for credentials, except on loopback without a public_url; required always; none never",
    )
    allowed_origins: tuple[str, ...] = _setting((), "other origins whose pages may connect; * for any")
    token_secret: str = _setting(
        "", "signs browsers' tokens (HS256, at least 32 bytes); empty makes one for this run", secret=True
    )
    token_s: float = _setting(120.0, "how long a token is valid, in seconds")
    public_page: bool = _setting(False, "whether any visitor of the page gets a token")
    shared_secret: str = _setting(
        "",
        "for your own back end and telephone exchanges: Authorization Bearer, or Basic's password",
        secret=True,
    )
    twilio_auth_token: str = _setting("", "checks X-Twilio-Signature", secret=True)
    telnyx_public_key: str = _setting("", "checks telnyx-signature-ed25519 (base64)")
    telnyx_stream_token: str = _setting("", "checks x-telnyx-streaming-auth-token", secret=True)
    plivo_auth_token: str = _setting("", "checks X-Plivo-Signature-V3", secret=True)
    vonage_signature_secret: str = _setting("", "checks Vonage's JWT in Authorization", secret=True)
    max_calls: int = _setting(
        0, "calls at once, each with one listening stream; 0 for 150, as pay-as-you-go has"
    )
    max_speaking: int = _setting(0, "speaking streams at once; 0 for no limit of ours")
    queue: int = _setting(0, "callers that may wait for a place; further ones get 503")
    queue_s: float = _setting(30.0, "how long one may wait, in seconds")
    retry_after_s: float = _setting(5.0, "what a 503 says in Retry-After, in seconds")
    drain_s: float = _setting(600.0, "how long live calls may go on after SIGTERM, in seconds")
    call_s: float = _setting(_LIMITS.call_s, "the longest call, in seconds")
    idle_s: float = _setting(_LIMITS.idle_s, "a call ends after so many seconds without any message")
    start_s: float = _setting(_LIMITS.start_s, "for the first message of a call, in seconds")
    handshake_s: float = _setting(5.0, "for the request line and headers, in seconds")
    pending: int = _setting(512, "connections at once that are not calls (yet)")
    audio_speed: float = _setting(_LIMITS.audio_speed, "how fast audio may come, in multiples of real time")
    message_bytes: int = _setting(_LIMITS.message_bytes, "the largest message from a caller")
    slow_reader_s: float = _setting(_LIMITS.slow_reader_s, "how long a caller may read nothing, in seconds")
    speech_ahead_s: float = _setting(_LIMITS.speech_ahead_s, "speech sent ahead of its playback, in seconds")
    hangup_s: float = _setting(
        _LIMITS.hangup_s,
        "what the last results, and then the application, may take after the hang-up, in seconds",
    )
    workers: int = _setting(1, "processes that share the port, and the quota")
    admin_port: int = _setting(
        0, "with workers, port on loopback for /metrics and /workers of all of them; 0 takes any free one"
    )
    redis_url: str = _setting(
        "",
        "Redis or Valkey that shares the quota between processes and machines, redis://host:6379",
        secret=True,
    )
    quota_name: str = _setting("deepgram", "name of that quota: one for each project and region")
    quota_workers: int = _setting(0, "processes that share it, over all machines; 0 for these workers")
    sockets: str = _setting(
        "auto", "what moves the messages of calls: picows, aiohttp, or auto for picows where it is installed"
    )
    page: bool = _setting(True, "whether the page is served at /")
    metrics: bool = _setting(True, "whether /metrics is served")
    log_format: str = _setting("text", "text or json")
    listen: dict[str, Any] = _setting({}, "options for listening: model, keyterm, eot_threshold and so on")
    speak: dict[str, Any] = _setting({}, "options for speaking: model, speed and so on")

    def __post_init__(self) -> None:
        if self.auth not in ("auto", "required", "none"):
            raise InvalidArgument("auth", self.auth, "auto, required or none")
        if self.log_format not in ("text", "json"):
            raise InvalidArgument("log_format", self.log_format, "text or json")
        if self.sockets not in ("auto", "picows", "aiohttp"):
            raise InvalidArgument("sockets", self.sockets, "auto, picows or aiohttp")
        if not 0 <= self.port <= 65535:
            raise InvalidArgument("port", self.port, "0 to 65535")
        if self.public_url and not self.public_url.startswith(("https://", "http://")):
            raise InvalidArgument("public_url", self.public_url, "an http:// or https:// URL, or empty")
        if self.token_secret and len(self.token_secret.encode()) < 32:
            raise InvalidArgument("token_secret", "a shorter one", "at least 32 bytes long")
        for name in ("max_calls", "max_speaking", "queue"):
            if getattr(self, name) < 0:
                raise InvalidArgument(name, getattr(self, name), "at least 0")
        for name in ("token_s", "queue_s", "retry_after_s", "handshake_s", "pending"):
            if not getattr(self, name) > 0:
                raise InvalidArgument(name, getattr(self, name), "above 0")
        if self.workers < 1:
            raise InvalidArgument("workers", self.workers, "at least 1")
        if self.quota_workers < 0:
            raise InvalidArgument("quota_workers", self.quota_workers, "at least 0")
        if not 0 <= self.admin_port <= 65535:
            raise InvalidArgument("admin_port", self.admin_port, "0 to 65535")
        if self.drain_s < 0:
            raise InvalidArgument("drain_s", self.drain_s, "at least 0 s")
        _ = self.limits

    @property
    def limits(self) -> Limits:
        """The limits of one call."""
        own = {f.name: getattr(self, f.name) for f in fields(Limits) if hasattr(self, f.name)}
        return Limits(**own)


@dataclass(frozen=True, slots=True)
class Setting:
    """The description of one setting.

    Attributes:
        name: Its name in the file and in :class:`Config`.
        kind: ``str``, ``int``, ``float``, ``bool``, ``tuple`` or ``dict``.
        default: Its default.
        help: Its meaning, in words.
        is_secret: Whether its value is never shown.
    """

    name: str
    kind: type
    default: Any
    help: str
    is_secret: bool

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return f"{PREFIX}{self.name.upper()}"

    @property
    def option(self) -> str:
        """Its command-line option; none for tables, and for secrets, since others can see a command line."""
        return "" if self.is_secret or self.kind is dict else f"--{self.name.replace('_', '-')}"


def settings() -> list[Setting]:
    """Return the descriptions of all settings."""
    return [_row(f) for f in fields(Config)]


def load(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Config:
    """Read settings from a file, the environment and options. Options override the environment, it the file.

    Raises:
        InvalidArgument: A name is unknown, a value is out of range, or the file is not TOML.
        InvalidArgumentType: A value has the wrong type.
        OSError: The file cannot be read.
    """
    values = _of_file(file) if file is not None else {}
    values |= _of_environment(os.environ if environment is None else environment)
    values |= {name: value for name, value in (options or {}).items() if value is not None}
    return replace(Config(), **values)


def unread_variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return variables with the prefix that are no settings, each with the likely intended one, or "".

    They are not errors, since container platforms set variables of their own.
    """
    read = [row.variable for row in settings() if row.kind is not dict]
    names = sorted(os.environ if environment is None else environment)
    unread = [name for name in names if name.startswith(PREFIX.rstrip("_")) and name not in read]
    return {name: "".join(difflib.get_close_matches(name, read, n=1)) for name in unread}


def _of_file(file: Path) -> dict[str, Any]:
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument("config", str(file), f"a TOML file ({error})") from None
    rows = {row.name: row for row in settings()}
    for name in given:
        if name not in rows:
            raise InvalidArgument("config", name, f"one of {', '.join(rows)}")
    return {name: _typed(rows[name], value) for name, value in given.items()}


def _of_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        row.name: _parsed(row, environment[row.variable])
        for row in settings()
        if row.kind is not dict and environment.get(row.variable)
    }


def _typed(row: Setting, value: Any) -> Any:
    if row.kind is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if row.kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not row.kind:
        shown = "a secret" if row.is_secret else value
        raise InvalidArgumentType(row.name, shown, f"of type {row.kind.__name__}")
    return value


def _parsed(row: Setting, text: str) -> Any:
    if row.kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise InvalidArgument(row.variable, text, "true or false")
    if row.kind is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return row.kind(text)
    except ValueError:
        raise InvalidArgument(row.variable, text, f"of type {row.kind.__name__}") from None


def _row(f: Field[Any]) -> Setting:
    default = f.default_factory() if f.default is MISSING and f.default_factory is not MISSING else f.default
    return Setting(f.name, type(default), default, f.metadata["help"], f.metadata["secret"])
