"""In: Ctrl-C, SIGTERM, a reader that has gone.
Out: one line at most, and an exit code: 130 for a command that was stopped, 141 for one whose output nobody reads.
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
INTERRUPTED, NO_READER = 130, 141  # as a shell has them: 128 and the number of SIGINT, of SIGPIPE


def listen() -> None:
    """Lets SIGTERM do what Ctrl-C does, as Dagster does while it runs a job."""

    def on_term(number: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            handler(number, frame)
        else:  # a shell lets a process in the background ignore Ctrl-C
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, on_term)


@contextmanager
def in_one_line() -> Iterator[None]:
    """Ends the process where somebody stops it, or closes what it writes to."""
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
    """What is still in the buffer goes out now: at the interpreter's end an error would be a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def silence() -> None:
    """Nothing more goes to standard output, not even what is still in its buffer."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(error: OSError) -> NoReturn:
    """Standard output takes no more: a full disk."""
    from order_sync.text.plain_text import line

    silence()
    print(f"order-sync: {line(str(error))}", file=sys.stderr)
    raise SystemExit(2)
