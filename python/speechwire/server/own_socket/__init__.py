"""Our own socket: its document (``asyncapi.yaml``), its messages, and the server's codec for them."""

from __future__ import annotations

from speechwire.server.own_socket.codec import OwnSocketCodec

__all__ = ["OwnSocketCodec"]
