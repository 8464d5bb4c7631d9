"""`python -m mnist_data` is the command `mnist-data`: both begin here, and from here on Ctrl-C prints one line."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command line. Ctrl-C ends it with one line and 130, whenever it comes."""
    signal.signal(signal.SIGINT, _stop)
    from mnist_data.cli import main as run
    from mnist_data.cli.streams import prepare_streams

    prepare_streams()
    try:
        signal.signal(signal.SIGINT, _interrupt)
        run()
    except KeyboardInterrupt:
        _stop()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _leave()
        raise
    finally:
        # The work is done or has failed: its exit code stands, and Python would take back any other handler at its end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    """Unwind what is being done; a module that is being loaded would swallow or misname the exception."""
    loading = frame
    while loading is not None:
        if loading.f_code.co_filename.startswith("<frozen importlib"):
            _stop()
        loading = loading.f_back
    raise KeyboardInterrupt


def _leave() -> None:
    """End after what was registered for the end, with 130.

    Python would end by the signal where the interruption came while it ran a text by exec or eval, as the making of
    classes does, even if it was handled.
    """
    atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(INTERRUPTED)


def _stop(*_: object) -> None:
    """End the process at once."""
    line = "\x1b[?25h" if sys.stderr is not None and sys.stderr.isatty() else ""  # a bar may have hidden the cursor
    os.write(2, f"{line}mnist-data: interrupted\n".encode())
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
