"""Many callers at real pace, for ``speechwire load``."""

from __future__ import annotations

from speechwire.load.dialects import DIALECTS, Dialect
from speechwire.load.picture import picture
from speechwire.load.result import Result, Spread
from speechwire.load.run import MOST_CALLS, MOST_SECONDS, Load

__all__ = ["DIALECTS", "MOST_CALLS", "MOST_SECONDS", "Dialect", "Load", "Result", "Spread", "picture"]
