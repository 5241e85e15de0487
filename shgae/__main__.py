"""``shgae``, and ``python -m shgae``: what a signal does comes first, for the commands take a while to import."""

from __future__ import annotations

import os
import signal


def main() -> int:
    """Runs the command line of this process and returns its exit code.

    From here on Ctrl-C ends it with 130, SIGTERM and a closed terminal with 143, and never with a traceback; a command
    at work saves before.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # What is ignored (under nohup, in the background of a script) stays ignored.
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)
    from shgae.cli import app

    try:
        return app.main()
    except KeyboardInterrupt:  # between two handlers, or in the middle of an error's line
        return 128 + signal.SIGINT


def _end(number: int, _frame: object) -> None:
    os._exit(128 + (signal.SIGINT if number == signal.SIGINT else signal.SIGTERM))


if __name__ == "__main__":
    raise SystemExit(main())
