"""What the packed launcher hands to a task: a job that is composed, and not begun."""

from typing import NamedTuple

from g2p.config.run_config import RunConfig


class PackedJob(NamedTuple):
    """A job of the packed launcher.

    Attributes:
        number: Hydra's.
        overrides: of its config.
        config: composed from them.
    """

    number: int
    overrides: list[str]
    config: RunConfig
