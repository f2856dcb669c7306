"""``python -m speechwire``."""

from speechwire.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
