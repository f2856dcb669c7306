"""Debian's Chromium without a head, driven through its DevTools protocol (chromedevtools.github.io)."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

__all__ = ["CHROMIUM", "Browser", "Page", "browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
START_S = 60.0
LIMIT_S = 60.0

# A new profile asks many things of the network, none of which is there.
_QUIET = (
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
    "--metrics-recording-only",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_MICROPHONE = (
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)
_ROOT = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.errors: list[str] = []
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools command; returns its result."""
        number = next(self._ids)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(LIMIT_S):
            return await answer

    async def value(self, expression: str) -> Any:
        """What an expression, or its promise, comes to."""
        answer = await self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, json.dumps(answer["exceptionDetails"])[:2000]
        return answer["result"].get("value")

    async def until(self, expression: str, limit_s: float = LIMIT_S) -> Any:
        """Wait until an expression is true; returns it."""
        async with asyncio.timeout(limit_s):
            while not (value := await self.value(expression)):
                await asyncio.sleep(0.05)
        return value

    async def press(self, key: str, code: str = "") -> None:
        """Press and release a key."""
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
        common = {"key": key, "code": code or key, **_key_code(key)}
        await self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.ask("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        """Click the middle of an element, as a person does."""
        box = await self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        place = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
        await self.ask("Input.dispatchMouseEvent", type="mousePressed", **place)
        await self.ask("Input.dispatchMouseEvent", type="mouseReleased", **place)

    async def size(self, width: int, height: int, *, is_phone: bool = False) -> None:
        """The size of the screen."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=is_phone,
        )

    async def media(self, **features: str) -> None:
        """Media features such as ``prefers_color_scheme="dark"``."""
        await self.ask(
            "Emulation.setEmulatedMedia",
            features=[{"name": name.replace("_", "-"), "value": value} for name, value in features.items()],
        )

    async def picture(self, file: Path) -> None:
        """Store what can be seen as PNG."""
        answer = await self.ask("Page.captureScreenshot", format="png")
        await asyncio.to_thread(file.write_bytes, base64.b64decode(answer["data"]))

    async def aclose(self) -> None:
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        await self._socket.close()

    async def _read(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answer(said)
            elif said["method"] == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(said["params"])[:2000])
            elif said["method"] == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.errors.append(said["params"]["entry"]["text"])

    def _answer(self, said: Mapping[str, Any]) -> None:
        waiting = self._waiting.pop(said["id"], None)
        if waiting is None or waiting.done():
            return
        if "error" in said:
            waiting.set_exception(RuntimeError(said["error"]["message"]))
        else:
            waiting.set_result(said["result"])


class Browser:
    """A running Chromium."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self._pages: list[Page] = []

    async def open(self, url: str) -> Page:
        """Open a tab and wait until it is loaded."""
        async with self._session.put(f"{self._url}/json/new?about:blank") as response:
            target = await response.json()
        socket = await self._session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        page = Page(socket)
        self._pages.append(page)
        for domain in ("Page", "Runtime", "Log"):
            await page.ask(f"{domain}.enable")
        await page.ask("Page.navigate", url=url)
        await page.until("document.readyState === 'complete' && location.href !== 'about:blank'")
        return page

    async def aclose(self) -> None:
        for page in self._pages:
            await page.aclose()


@asynccontextmanager
async def browser(microphone: Path | None = None) -> AsyncIterator[Browser]:
    """Start Chromium; `microphone` is a WAV that it hears once, as soon as a page listens."""
    assert CHROMIUM is not None
    # Its path must be absolute.
    heard = (f"--use-file-for-fake-audio-capture={microphone}%noloop",) if microphone else ()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        arguments = (f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank")
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            "--headless=new",
            *_ROOT,
            *_QUIET,
            *_MICROPHONE,
            *heard,
            *arguments,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            url = await _debugging_url(Path(profile), process)
            async with aiohttp.ClientSession() as session:
                running = Browser(session, url)
                try:
                    yield running
                finally:
                    await running.aclose()
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _debugging_url(profile: Path, process: asyncio.subprocess.Process) -> str:
    file = profile / "DevToolsActivePort"
    async with asyncio.timeout(START_S):
        while not file.exists() or "\n" not in file.read_text():
            assert process.returncode is None, "Chromium has ended at its start"
            await asyncio.sleep(0.05)
    return f"http://127.0.0.1:{file.read_text().splitlines()[0]}"


def _key_code(key: str) -> dict[str, int]:
    codes = {"Enter": 13, " ": 32, "Tab": 9, "Escape": 27}
    return {"windowsVirtualKeyCode": codes[key]} if key in codes else {}
