"""Which codec a connection gets.

======================================  =========================================================
opened                                  codec
======================================  =========================================================
``GET /socket``                         our own socket, :mod:`speechwire.server.own_socket`; also
                                        with the subprotocol ``speechwire.v1`` on any path
``GET /call/<dialect>``                 the dialect named
``GET /call``                           with the subprotocol ``audio.jambonz.org`` jambonz, with
                                        ``media`` Asterisk; else known by the first messages
======================================  =========================================================
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from speechwire.server import asterisk, jambonz
from speechwire.server._detecting import DetectingCodec
from speechwire.server._json_dialects import DIALECTS
from speechwire.server.codec import Codec, MakeCodec, Opening
from speechwire.server.freeswitch import FreeswitchCodec
from speechwire.server.json_media import JsonMediaCodec
from speechwire.server.vonage import VonageCodec

__all__ = ["CALL_PATH", "OWN_PATH", "OWN_SUBPROTOCOL", "SUBPROTOCOLS", "choose"]

CALL_PATH: Final = "/call"
OWN_PATH: Final = "/socket"
OWN_SUBPROTOCOL: Final = "speechwire.v1"
SUBPROTOCOLS: Final = (OWN_SUBPROTOCOL, jambonz.SUBPROTOCOL, asterisk.SUBPROTOCOL)
"""The accepted subprotocols. The first of these that a caller offers is chosen."""


def choose(path: str, subprotocols: Sequence[str] = ()) -> tuple[MakeCodec, str | None] | None:
    """Choose the codec of a connection.

    Args:
        path: The request's path, without the query.
        subprotocols: The subprotocols that the caller offers, in its order.

    Returns:
        The maker of the codec and the subprotocol to answer with; ``None`` where nothing is served.
    """
    offered = next((name for name in subprotocols if name in SUBPROTOCOLS), None)
    if path == OWN_PATH or (offered == OWN_SUBPROTOCOL and _is_call(path)):
        return _own_socket, offered
    if path == CALL_PATH:
        return _BY_SUBPROTOCOL.get(offered or "", DetectingCodec), offered
    make = _BY_NAME.get(path.removeprefix(f"{CALL_PATH}/")) if _is_call(path) else None
    return (make, offered) if make else None


def _is_call(path: str) -> bool:
    return path == CALL_PATH or path.startswith(f"{CALL_PATH}/")


def _own_socket(opening: Opening) -> Codec:
    made: Codec = importlib.import_module("speechwire.server.own_socket").OwnSocketCodec(opening)
    return made


def _json(name: str, opening: Opening) -> Codec:
    return JsonMediaCodec(DIALECTS[name], opening)


_BY_SUBPROTOCOL: Final[Mapping[str, MakeCodec]] = {
    jambonz.SUBPROTOCOL: jambonz.JambonzCodec,
    asterisk.SUBPROTOCOL: asterisk.AsteriskCodec,
}
_BY_NAME: Final[Mapping[str, MakeCodec]] = {
    **{name: partial(_json, name) for name in DIALECTS},
    "vonage": VonageCodec,
    "jambonz": jambonz.JambonzCodec,
    "freeswitch": FreeswitchCodec,
    "asterisk": asterisk.AsteriskCodec,
    "auto": DetectingCodec,
}
