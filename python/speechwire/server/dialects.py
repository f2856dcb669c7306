"""Which codec a connection gets.

========================================  =======================================================
``GET /socket``, or ``speechwire.v1``     our own socket (:mod:`speechwire.server.own_socket`)
as subprotocol
``audio.jambonz.org`` as subprotocol      jambonz ``listen``
``GET /call/<dialect>``                   the dialect named
``GET /call``                             told by the first messages
========================================  =======================================================
"""

from __future__ import annotations
