"""Every public package lists its names, and every name it lists is there."""

from __future__ import annotations

import importlib

import pytest

PACKAGES = [
    "speechwire",
    "speechwire.audio",
    "speechwire.client",
    "speechwire.cli",
    "speechwire.cluster",
    "speechwire.emulator",
    "speechwire.errors",
    "speechwire.load",
    "speechwire.protocol",
    "speechwire.session",
    "speechwire.transport",
    "videosdk.plugins.deepgram",
]


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_true(name: str) -> None:
    module = importlib.import_module(name)
    listed = list(module.__all__)
    assert len(listed) == len(set(listed))
    assert [entry for entry in listed if not hasattr(module, entry)] == []


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    documented = [entry for entry in module.__all__ if callable(getattr(module, entry))]
    assert [entry for entry in documented if not getattr(module, entry).__doc__] == []
