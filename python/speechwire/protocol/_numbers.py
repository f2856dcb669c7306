"""The ranges of numbers in messages. A part of a message with any other value is dropped."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

__all__ = ["LATEST_S", "UNKNOWN", "Channels", "Confidence", "Index", "Milliseconds", "Seconds", "WordEnd"]

LATEST_S: Final = 7 * 86_400.0
"""No connection lives longer, and no time in a message is later."""

UNKNOWN: Final = -1
"""The placeholder of a missing time or index, until the connection's protocol fills it in."""

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=LATEST_S)]
Milliseconds = Annotated[float, msgspec.Meta(ge=0.0, le=1000 * LATEST_S)]
WordEnd = Annotated[float, msgspec.Meta(ge=-1.0, le=LATEST_S)]
# The services' 32-bit floats may exceed 1 by a little.
Confidence = Annotated[float, msgspec.Meta(ge=0.0, le=1.001)]
Index = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
Channels = tuple[Annotated[int, msgspec.Meta(ge=0, le=255)], ...]
