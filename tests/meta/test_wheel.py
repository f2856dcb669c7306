"""What was installed is what should be shipped."""

from __future__ import annotations

import importlib.metadata
import os

import pytest
from scripts.distributions import CORE, PURE, Distribution

import speechwire


def installed(distribution: Distribution) -> importlib.metadata.Distribution:
    """Return what is installed; skip where there is no wheel to look into."""
    try:
        found = importlib.metadata.distribution(distribution.name)
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found is None or f"{distribution.package}/__init__.py" not in files(found):
        pytest.skip(f"{distribution.name} is not installed from a wheel: run `make test`")
    return found


def files(found: importlib.metadata.Distribution) -> set[str]:
    return {path.as_posix() for path in found.files or []}


@pytest.fixture(params=[CORE, *PURE], ids=lambda distribution: distribution.name)
def distribution(request: pytest.FixtureRequest) -> Distribution:
    one: Distribution = request.param
    return one


def test_it_holds_the_servers_page_and_its_protocol() -> None:
    page = {f"speechwire/server/page/{name}" for name in ("index.html", "app.js", "style.css", "playback.js")}
    assert page | {"speechwire/server/own_socket/asyncapi.yaml"} <= files(installed(CORE))


def test_it_carries_its_licence_and_nothing_foreign(distribution: Distribution) -> None:
    held = files(installed(distribution))
    assert any(path.endswith("licenses/LICENSE") for path in held)
    allowed = (
        f"{distribution.package}/",
        f"{distribution.file_name}-{speechwire.__version__}.dist-info/",
        "..",
    )
    assert {path for path in held if not path.startswith(allowed)} == set()
    # Outside of the packages there is the command, and nothing else.
    outside = {path.rpartition("/")[2] for path in held if path.startswith("..")}
    assert outside <= ({"speechwire", "speechwire.exe"} if distribution is CORE else set())


def test_the_extension_is_there_when_it_was_meant_to_be() -> None:
    held = files(installed(CORE))
    native = any(path.startswith("speechwire/_native.") and path.endswith((".so", ".pyd")) for path in held)
    assert native == (os.environ.get("SPEECHWIRE_EXPECT_ENGINE", "native") == "native")


def test_its_version_is_the_one_version(distribution: Distribution) -> None:
    assert installed(distribution).version == speechwire.__version__
