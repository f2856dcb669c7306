"""``NO_PROXY`` as people write it: stars, dots and lists."""

from __future__ import annotations

import pytest

from speechwire.transport._proxy import Proxies

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    ("entries", "host", "exempt"),
    [
        ("localhost,*", "api.test", True),
        ("*, other.test", "api.test", True),
        ("*.test", "api.test", True),
        ("*.test", "an.api.test", True),
        ("*.pi.test", "api.test", False),
        ("*pi.test", "api.test", False),
        ("*.api.test:443", "an.api.test", True),
        ("*.api.test:8443", "an.api.test", False),
        ("api.test.", "api.test", True),
        ("api.test", "api.test.", True),
        (".test", "API.TEST.", True),
        (",, ,", "api.test", False),
        ("10.0.0.*", "10.0.0.1", False),
    ],
)
def test_a_star_or_a_dot(
    entries: str, host: str, exempt: bool, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv(variable, entries)
    chosen = Proxies(None, trust_env=True).choose(f"wss://{host}/v1/listen")
    assert (chosen is None) is exempt
