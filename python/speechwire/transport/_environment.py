"""The proxy that the environment names.

The first import takes 15 ms, because the standard library has these functions in its HTTP client. aiohttp and
picows import the same module.
"""

from __future__ import annotations

import ipaddress
import urllib.request
from typing import Final
from urllib.parse import SplitResult, urlsplit

__all__ = ["named_proxy"]

# The variables for a scheme; the first that is set is used.
_VARIABLES: Final = {"wss": ("https", "all"), "ws": ("http", "all")}


def named_proxy(url: str) -> tuple[str, str] | None:
    """Return the variable that applies to a ``ws`` or ``wss`` URL and the proxy's URL, or ``None``."""
    parts = urlsplit(url)
    variables = urllib.request.getproxies_environment()
    name = next((name for name in _VARIABLES[parts.scheme] if variables.get(name)), None)
    if name is None or _is_exempt(parts, variables):
        return None
    value = variables[name]
    return f"{name.upper()}_PROXY", value if "://" in value else f"http://{value}"


def _is_exempt(parts: SplitResult, variables: dict[str, str]) -> bool:
    host = (parts.hostname or "").removesuffix(".")
    variables = {**variables, "no": _as_understood(variables.get("no", ""))}
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    exempt = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]  # the stubs lack it
    if host == "localhost" or exempt(place, variables):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or any(address in network for network in _networks(variables.get("no", "")))


def _as_understood(no_proxy: str) -> str:
    """``NO_PROXY`` as the standard library knows it: ``*`` only by itself, domains without a star or end."""
    entries = [entry.strip().removesuffix(".") for entry in no_proxy.split(",")]
    if "*" in entries:
        return "*"
    return ",".join(entry.removeprefix("*") for entry in entries)


def _networks(no_proxy: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks in ``NO_PROXY`` (``10.0.0.0/8``), which the standard library ignores."""
    networks = []
    for entry in no_proxy.split(","):
        try:
            networks.append(ipaddress.ip_network(entry.strip(), strict=False))
        except ValueError:
            continue
    return networks
