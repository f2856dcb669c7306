"""Our own socket: its document (``asyncapi.yaml``), its messages, and the server's codec for them."""
