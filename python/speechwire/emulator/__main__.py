"""``python -m speechwire.emulator``."""

from speechwire.emulator.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
