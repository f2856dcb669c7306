"""``allow_insecure`` is a bool: out of a settings file, the word "false" would be true."""

from __future__ import annotations

from typing import Any

import pytest

from speechwire.errors import InvalidArgumentType
from speechwire.protocol import ListenV1Options, ListenV2Options, SpeakV1Options, SpeakV2Options
from speechwire.session import ListenV1Session, ListenV2Session, SessionPool, SpeakSession

KINDS: list[tuple[Any, Any]] = [
    (ListenV1Session, ListenV1Options()),
    (ListenV2Session, ListenV2Options()),
    (SpeakSession, SpeakV1Options()),
    (SpeakSession, SpeakV2Options()),
]


@pytest.mark.parametrize("base_url", ["ws://service.test", "wss://service.test", "ws://127.0.0.1:1"])
@pytest.mark.parametrize("value", ["false", "", 0, 1, None], ids=repr)
@pytest.mark.parametrize(("session", "options"), KINDS, ids=lambda kind: type(kind).__name__)
def test_any_other_value_is_refused(session: Any, options: Any, value: object, base_url: str) -> None:
    kind = type(value).__name__
    with pytest.raises(InvalidArgumentType, match=f"^allow_insecure must be a bool, got {kind}$"):
        session("key", options, base_url=base_url, allow_insecure=value)


def test_a_pool_refuses_it_before_its_first_session() -> None:
    anything: Any = "false"
    with pytest.raises(InvalidArgumentType, match="^allow_insecure must be a bool, got str$"):
        SessionPool("key", allow_insecure=anything)


def test_no_keyterms_at_all_may_be_none() -> None:
    nothing: Any = None
    assert ListenV1Options(keyterm=nothing).query() == ListenV1Options().query()
