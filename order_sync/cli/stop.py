"""In: Ctrl-C, SIGTERM or a closed pipe.
Out: at most one line, and an exit code: 130 for a stopped command, 141 for a closed pipe.
Never: a traceback for what people do on purpose."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

STOPPED = "order-sync: Stopped."
INTERRUPTED, NO_READER = 130, 141  # as in a shell: 128 plus the number of SIGINT or SIGPIPE


def listen() -> None:
    """Makes SIGTERM act like Ctrl-C, as Dagster does while it runs a job."""

    def on_term(number: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            handler(number, frame)
        else:  # a shell makes a background process ignore Ctrl-C
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, on_term)


@contextmanager
def in_one_line() -> Iterator[None]:
    """Exits with at most one line when the user stops the process or closes its output."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(OSError, ValueError):
            print(STOPPED, file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        silence()
        raise SystemExit(NO_READER) from None


def flush() -> None:
    """Flushes the buffers now: an error at interpreter exit would print a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def silence() -> None:
    """Discards all further standard output, including what is still in its buffer."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(error: OSError) -> NoReturn:
    """Standard output cannot be written: a full disk."""
    from order_sync.text.plain_text import line

    silence()
    print(f"order-sync: {line(str(error))}", file=sys.stderr)
    raise SystemExit(2)
