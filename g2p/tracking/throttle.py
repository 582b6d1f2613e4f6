"""One upload throttle for all open W&B runs of a process, to stay below W&B's rate limits.

W&B limits the requests per minute of a project, and its client makes one request per run each time
that the run logs. With 64 runs trained together, each with one epoch per second, W&B would refuse
most requests. So all runs upload at the same time, less often the more runs are open.
"""

import time
from collections.abc import Callable

SECONDS_PER_RUN = 1.0  # between two uploads, for each open run


class UploadThrottle:
    """Uploads the epochs of all open runs of a process at the same time.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock = clock
        # Of each open W&B run, what uploads the epochs that were not uploaded yet.
        self.open_runs: list[Callable[[], None]] = []
        self.last_upload = -float("inf")

    def upload_if_due(self) -> None:
        """Upload the epochs of all open runs, unless the last upload is too recent."""
        if self.clock() - self.last_upload >= SECONDS_PER_RUN * len(self.open_runs):
            for send in self.open_runs:
                send()
            self.last_upload = self.clock()


UPLOADS = UploadThrottle()
