"""HTTP requests that are not calls: the page, tokens, health and metrics."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aiohttp import web

from speechwire.server._http import SECURITY_HEADERS
from speechwire.server.dialects import choose
from speechwire.server.entrance import Entrance, NotLetIn
from speechwire.server.server import Phase, Server

__all__ = ["Routes"]

_PAGE: Final = Path(__file__).parent / "page"
_TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}
_LARGEST_FILE: Final = 1 << 20


class Routes:
    """Answers requests that are not upgrades.

    Args:
        server: What the calls share.
        entrance: Makes tokens.
    """

    def __init__(self, server: Server, entrance: Entrance) -> None:
        self._server = server
        self._entrance = entrance
        self._files = _page_files() if server.config.page else {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer."""
        response = await self._answer(request)
        response.headers.update(SECURITY_HEADERS)
        return response

    def not_found(self) -> web.Response:
        """The answer 404."""
        return web.json_response(
            {"error": "not_found", "description": "nothing is served here"},
            status=404,
            headers=SECURITY_HEADERS,
        )

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        method = "GET" if request.method == "HEAD" else request.method
        match method, request.path:
            case "GET", "/healthz":
                return _json({"status": "alive"})
            case "GET", "/readyz":
                return self._ready()
            case "GET", "/metrics" if self._server.config.metrics:
                from speechwire.server.metrics import exposition  # noqa: PLC0415  # an optional dependency

                body, kind = exposition(self._server)
                return web.Response(body=body, headers={"Content-Type": kind, "Cache-Control": "no-store"})
            case "POST", "/token":
                return await self._token(request)
            case "GET", path if path in self._files:
                return self._file(path)
            case "GET" | "POST", path if choose(path) is not None:
                return _json({"error": "upgrade_required", "description": "a WebSocket is served here"}, 426)
        return self.not_found()

    def _ready(self) -> web.Response:
        server = self._server
        body = {"status": server.phase.value, "calls": len(server.lines), "places": server.admission.places}
        return _json(body, 200 if server.phase is Phase.SERVING else 503)

    async def _token(self, request: web.BaseRequest) -> web.Response:
        try:
            token, seconds = self._entrance.token(request)
        except NotLetIn as refused:
            self._server.counters.refused[refused.reason] += 1
            return _json({"error": refused.reason, "description": str(refused)}, refused.status)
        return _json({"access_token": token, "expires_in": seconds, "token_type": "Bearer"})

    def _file(self, path: str) -> web.Response:
        body, kind = self._files[path]
        return web.Response(
            body=body, headers={"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-cache"}
        )


def _json(body: Mapping[str, object], status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})


def _page_files() -> dict[str, tuple[bytes, str]]:
    """The page's files, read once, so that no path of a request ever reaches the file system."""
    files = {}
    for file in sorted(_PAGE.rglob("*")) if _PAGE.is_dir() else ():
        kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0]
        if file.is_file() and file.suffix in _TYPES and kind and file.stat().st_size <= _LARGEST_FILE:
            files[f"/{file.relative_to(_PAGE).as_posix()}"] = file.read_bytes(), kind
    if "/index.html" in files:
        files["/"] = files["/index.html"]
    return files
