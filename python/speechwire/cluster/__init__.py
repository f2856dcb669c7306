"""One quota over many processes and machines (extra ``cluster``)."""

from __future__ import annotations

from speechwire.cluster.quota import QuotaState, SharedQuota

__all__ = ["QuotaState", "SharedQuota"]
