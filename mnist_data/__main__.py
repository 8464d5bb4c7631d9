"""`python -m mnist_data` is the command `mnist-data`: both begin here, and from here on Ctrl-C prints one line."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


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
    finally:
        signal.signal(signal.SIGINT, _stop)  # what runs at the end of Python must not print a traceback either


def _interrupt(_number: int, frame: FrameType | None) -> None:
    """Unwind what is being done; a module that is being loaded would swallow or misname the exception."""
    loading = frame
    while loading is not None:
        if loading.f_code.co_filename.startswith("<frozen importlib"):
            _stop()
        loading = loading.f_back
    raise KeyboardInterrupt


def _stop(*_: object) -> None:
    """End the process at once."""
    line = "\x1b[?25h" if sys.stderr is not None and sys.stderr.isatty() else ""  # a bar may have hidden the cursor
    os.write(2, f"{line}mnist-data: interrupted\n".encode())
    os._exit(130)


if __name__ == "__main__":
    main()
