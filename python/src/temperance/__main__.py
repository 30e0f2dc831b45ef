"""The command ``temperance``: ``python -m temperance``."""

import signal
import sys

from temperance import _native


def main() -> None:
    """Runs the command with the arguments of this process, and ends it."""
    # Ctrl-C is the command's own matter: Python's handler would wait for the end of the work.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_native.main(["temperance", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
