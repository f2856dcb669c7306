"""Every code path gives the committed bytes, and the script that made them still does."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from speechwire.audio import PcmPipeline

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def golden() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_regenerate", GOLDEN / "regenerate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_still_agrees(golden: ModuleType) -> None:
    assert golden.differences() == []


def test_the_files_have_their_hashes() -> None:
    hashes = json.loads((GOLDEN / "manifest.json").read_text(encoding="utf-8"))
    files = [path for path in GOLDEN.iterdir() if path.suffix in {".pcm", ".i32"}]
    assert len(files) >= 19
    for file in files:
        assert hashlib.sha256(file.read_bytes()).hexdigest() == hashes[file.name], file.name


def test_every_path_gives_the_golden_bytes(
    golden: ModuleType, build: Callable[..., PcmPipeline], convert: Callable[..., bytes]
) -> None:
    for options in golden.PIPELINES:
        format = options.get("format", "s16le")
        name = "{in_rate}_{out_rate}_{channels}_{quality}".format(**options) + f"_{format}.pcm"
        data = golden.encoded(options["channels"], format)
        got = convert(build(**options), [data[i : i + 777] for i in range(0, len(data), 777)])
        assert got == (GOLDEN / name).read_bytes(), name
