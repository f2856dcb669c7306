"""What was installed is what should be shipped."""

from __future__ import annotations

import importlib.metadata
import os

import pytest

import speechwire

DISTRIBUTION = importlib.metadata.distribution("videosdk-plugins-deepgram")
FILES = {str(path) for path in DISTRIBUTION.files or []}

pytestmark = pytest.mark.skipif(
    "speechwire/__init__.py" not in FILES,
    reason="an editable install has no wheel to look into: run `make test`",
)


def test_it_holds_both_trees_and_their_types() -> None:
    assert {
        "speechwire/__init__.py",
        "speechwire/py.typed",
        "videosdk/plugins/deepgram/__init__.py",
        "videosdk/plugins/deepgram/py.typed",
    } <= FILES


def test_it_holds_the_servers_page_and_its_protocol() -> None:
    page = {f"speechwire/server/page/{name}" for name in ("index.html", "app.js", "style.css", "playback.js")}
    assert page | {"speechwire/server/own_socket/asyncapi.yaml"} <= FILES


def test_it_leaves_the_namespaces_alone() -> None:
    assert not FILES & {"videosdk/__init__.py", "videosdk/plugins/__init__.py"}


def test_it_carries_its_licence_and_nothing_foreign() -> None:
    assert any(path.endswith("licenses/LICENSE") for path in FILES)
    roots = {path.partition("/")[0] for path in FILES}
    foreign = {root for root in roots if not root.endswith((".dist-info", ".libs"))}
    assert foreign <= {"speechwire", "videosdk", ".."}
    # Outside of the packages there is the command, and nothing else.
    outside = {path.rpartition("/")[2] for path in FILES if path.startswith("..")}
    assert outside <= {"speechwire", "speechwire.exe"}


def test_the_extension_is_there_when_it_was_meant_to_be() -> None:
    native = any(path.startswith("speechwire/_native.") and path.endswith((".so", ".pyd")) for path in FILES)
    assert native == (os.environ.get("SPEECHWIRE_EXPECT_ENGINE", "native") == "native")


def test_metadata_names_the_version_and_the_framework() -> None:
    assert DISTRIBUTION.version == speechwire.__version__
    assert any(line.startswith("videosdk-agents") for line in DISTRIBUTION.requires or [])
