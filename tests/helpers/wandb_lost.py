"""Train three runs whose W&B server disappears meanwhile, and one after them."""

import os

from g2p.tracking.group import Group
from g2p.tracking.wandb_tracker import wandb_tracker
from tests.helpers.configs import SMALL, compose
from tests.helpers.wandb_server import Server

OPTIONS = {"project": "g2p", "group": None, "tags": [], "artifact": False}


def main() -> None:
    config = compose(*SMALL)
    trackers = [wandb_tracker(config, f"{i:016x}", Group("g"), **OPTIONS) for i in range(4)]
    with Server() as server:
        os.environ.update({**server.login, "WANDB_FINISH_TIMEOUT": "1"})
        entered = [tracker.__enter__() for tracker in trackers[:3]]
        online = [not tracker.run.offline for tracker in entered]
    for tracker in entered:
        tracker.epochs([{"epoch": 0, "x": 1.0}])
    for tracker in trackers[:3]:
        tracker.__exit__(None, None, None)
    with trackers[3] as tracker:
        print(f"online: {online}, then [{not tracker.run.offline}]")


if __name__ == "__main__":
    main()
