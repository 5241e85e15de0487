"""``python -m shgae`` is ``shgae``."""

from shgae.cli.app import main

if __name__ == "__main__":
    raise SystemExit(main())
