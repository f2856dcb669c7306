"""Put this project's ``speechwire`` beside the clients, and nothing else of its wheel.

Its distribution has the name of one of the clients and its ``videosdk.plugins.deepgram`` would stand in that
client's place, so the wheel is not installed but one package is taken out of it::

    .venv-clients/bin/python tests/clients/install.py dist/videosdk_plugins_deepgram-*.whl
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

PACKAGE = "speechwire"


def install(wheel: Path, site: Path) -> None:
    """Replace the package in a site-packages folder; native and pure wheels alike."""
    target = site / PACKAGE
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        shutil.rmtree(target)
    with ZipFile(wheel) as archive:
        archive.extractall(site, [name for name in archive.namelist() if name.startswith(f"{PACKAGE}/")])


if __name__ == "__main__":
    install(Path(sys.argv[1]), Path(sysconfig.get_path("platlib")))
