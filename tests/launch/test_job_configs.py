"""The config of a multirun's job is, to the last key of Hydra's own, what Hydra composes for it."""

import pickle

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from g2p.config.search_path import composing, config_folders
from g2p.launch.job_configs import JobConfigLoader

OF_HYDRA = ["hydra/job_logging=none", "hydra.job.config.override_dirname.exclude_keys=[seed]"]


def both(*jobs):
    """Return the config of each job by Hydra's loader, and by g2p's after a round of pickling."""
    with composing() as hydra:
        master = hydra.compose_config(
            "config", overrides=[*OF_HYDRA, "seed=5"], run_mode=RunMode.MULTIRUN
        )
        theirs = hydra.config_loader
        for job in jobs:
            ours = pickle.loads(pickle.dumps(JobConfigLoader(theirs.get_search_path())))
            yield tuple(
                OmegaConf.to_container(loader.load_sweep_config(master, list(job)))
                for loader in (theirs, ours)
            )


@pytest.mark.parametrize(
    "jobs",
    [
        (
            ("model=ridge", "seed=1", "phenotype=cu"),
            ("model=ridge", "seed=2", "phenotype=[cu,23C]"),
        ),
        (("seed=1", "model=ridge"), ("model=ridge",)),
        (("experiment=rijal_single", "phenotype=30C"), ("experiment=rijal_single", "optim.lr=0.1")),
        (("data=byxrm", "debug=fast", "trainer.patience=null"), ("data=byxrm",)),
        (("+trainer.mine=3", "trainer.mine=4"), ("~logger.tags", "seed=1")),
        (("logger.tags=[a,b]",), ("logger.tags=[]",), ("++logger={name: none}",)),
        (("paths.runs=${paths.cache}/runs", "paths.cache=here"), ("paths.runs='a b'",)),
        (("hydra.job.name=mine", "seed=1"), ("seed=2",)),
    ],
)
def test_a_jobs_config_is_hydras(jobs):
    for theirs, ours in both(*jobs):
        assert ours == theirs


def test_an_edited_file_of_a_user_is_read_again(tmp_path):
    """In a process that stays, as that of a notebook does."""
    file = tmp_path / "model" / "mine.yaml"
    file.parent.mkdir()
    for alpha in (1, 2):
        file.write_text(f"name: ridge\nalpha: {alpha}\n")
        with config_folders([tmp_path]):
            ((theirs, ours),) = both(("model=mine",))
        assert ours == theirs
        assert ours["model"]["alpha"] == alpha
