"""Python's garbage collector in a command, which imports large packages and ends soon."""

import atexit
import gc


def collect_rarely() -> None:
    """Collect garbage after 10,000 new objects instead of some hundreds, and none at exit.

    The imports of torch and lightning make objects that stay to the end. Looking through them
    again and again, and once more at exit, is a third of the time of those imports.
    """
    gc.set_threshold(10_000)
    atexit.register(gc.freeze)
