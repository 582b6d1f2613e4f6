"""One buffer for what the open W&B runs of a process have to say, so that rate limits hold.

W&B allows a project so many requests a minute, and its client makes one for each run whenever that
run has said something. Of 64 runs trained together, each with an epoch a second, most would be
refused; so all of them speak at once, and the more they are the more seldom.
"""

import time
from collections.abc import Callable
from typing import Protocol

SECONDS_A_RUN = 1.0  # between two times that all speak, for each run that is open


class Speaker(Protocol):
    def send(self) -> None:
        """Say what there is to say; nothing where there is nothing new."""


class UploadThrottle:
    """Lets the open runs of a process speak all at once.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock = clock
        self.open: list[Speaker] = []
        self.spoke = -float("inf")

    def offer(self) -> None:
        """Some run has something to say: all that is kept is sent, unless it is too early."""
        if self.clock() - self.spoke >= SECONDS_A_RUN * len(self.open):
            for speaker in self.open:
                speaker.send()
            self.spoke = self.clock()


UPLOADS = UploadThrottle()
