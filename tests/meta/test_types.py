"""A user's code is checked against our types: right code passes ``mypy --strict``, wrong code does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is one of the lint tools: pip install mypy")

RIGHT = """
from speechwire.audio import PcmPipeline
from speechwire.protocol import ListenV2Options
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenV2Session
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2, DeepgramTTS


async def transcribe(session: ListenV2Session, audio: bytes) -> list[str]:
    session.push(audio)
    return [event.transcript async for event in session if isinstance(event, TurnInfo)]


pipeline = PcmPipeline(in_rate=48_000, out_rate=16_000, channels=2)
chunks: list[bytes] = pipeline.push(b"") + pipeline.push(bytearray(4)) + pipeline.flush()
latency: float = pipeline.latency
session = ListenV2Session("key", ListenV2Options(eot_threshold=0.7), converter=pipeline)
stt = DeepgramSTTV2(api_key="key", eot_threshold=0.7, keyterm=["Oslo"])
nova = DeepgramSTT(api_key="key", endpointing=False)
tts = DeepgramTTS(api_key="key", speed=1.1)
rate: int = nova.sample_rate
"""

WRONG = {
    "a wrong type": ('DeepgramSTTV2(eot_threshold="high")', "arg-type"),
    "an unknown argument": ("DeepgramSTTV2(threshold=0.5)", "call-arg"),
    "an unknown method": ("PcmPipeline().convert(b'')", "attr-defined"),
    "text for audio": ("PcmPipeline().push('audio')", "arg-type"),
}


def check(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "user.py").write_text(code)
    # The framework itself ships no types.
    (folder / "mypy.ini").write_text(
        "[mypy]\nstrict = True\n[mypy-videosdk.agents.*]\nignore_missing_imports = True\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "user.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def test_right_code_passes(tmp_path: Path) -> None:
    finished = check(tmp_path, RIGHT)
    assert finished.stdout.strip().startswith("Success"), finished.stdout


def test_wrong_code_is_told(tmp_path: Path) -> None:
    finished = check(tmp_path, RIGHT + "\n".join(code for code, _ in WRONG.values()))
    lines = finished.stdout.splitlines()
    first = len(RIGHT.splitlines()) + 1
    for offset, (why, (_, code)) in enumerate(WRONG.items()):
        assert any(f"user.py:{first + offset}:" in line and f"[{code}]" in line for line in lines), (
            why,
            lines,
        )
