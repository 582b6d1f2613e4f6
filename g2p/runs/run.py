"""run(config): the one path that every entry point takes, from a config to a finished directory."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from g2p.config.registry import prepare_options
from g2p.config.schema import check
from g2p.core.console import Console
from g2p.core.errors import UserError, plural
from g2p.data.preprocess import Prepared, prepare
from g2p.runs.directory import RunDirectory
from g2p.runs.environment import differences
from g2p.runs.execute import Steps, training_steps
from g2p.runs.lock import locked
from g2p.runs.metrics_table import print_attention, print_table
from g2p.runs.resolve import ResolvedRun, finished_under_other_code, resolve_run
from g2p.runs.ridge_reference import ridge_reference
from g2p.tracking.group import Group
from g2p.training.checkpoints import find_last_checkpoint
from g2p.training.fit import fit_model


def run(config: Mapping, *, set_by_user: Iterable[str] = (), group: str | None = None) -> Path:
    """Train, or return what was trained before; print the table and the directory.

    Args:
        config: the resolved config, as plain dicts (`conf/config.yaml` says which keys).
        set_by_user: keys that the user set, so that one without effect is refused.
        group: of the multirun or study this run belongs to, for the tracker.

    Returns:
        The run's directory, named by its signature.

    Raises:
        UserError: for whatever the user can mend; nothing that was finished is lost.
    """
    return drive(run_steps(config, set_by_user=set_by_user, group=group))


def obtain_run(config: Mapping, group: Group | None, console: Console) -> RunDirectory:
    """The finished run of a checked config: found, waited for, or trained now."""
    return drive(obtain_steps(config, group, console))


def drive(steps: Steps):
    """Drive a run by itself: each fit that it asks for is done at once."""
    try:
        request = next(steps)
        while True:
            try:
                fitted = fit_model(*request)
            except BaseException as error:  # the run closes what it has open, and raises it again
                request = steps.throw(error)
            else:
                request = steps.send(fitted)
    except StopIteration as ended:
        return ended.value


def run_steps(
    config: Mapping, *, set_by_user: Iterable[str] = (), group: str | None = None, wait: bool = True
) -> Steps:
    """The steps of `run`."""
    check(config, set_by_user)
    console = Console()
    place = Group(group) if group else None
    directory = yield from obtain_steps(config, place, console, wait)
    metrics = directory.metrics()
    print_table(metrics, console)
    if "attention" in metrics:
        print_attention(metrics["attention"], console)
    print(f"run: {directory.folder}", flush=True)
    return directory.folder


def obtain_steps(
    config: Mapping, group: Group | None, console: Console, wait: bool = True,
    known: ResolvedRun | None = None,
) -> Steps:  # fmt: skip
    """The steps of `obtain_run`; `known` is the run's identity, where the caller has it.

    Raises:
        BusyError: when another process is training the run and `wait` is off.
    """
    known = known or resolve_run(config)
    directory, columns = known.directory, known.columns
    if directory.finished and not config["force"]:
        console.print("Finished before; here is its result (force=true trains it again).")
        if line := differences(directory.environment(), torch.get_num_threads()):
            console.print(line, soft_wrap=True)
        return directory
    if earlier := finished_under_other_code([directory]).get(directory.folder.name):
        console.print(
            f"Finished before under other code: {earlier.folder}. The code of "
            f"model={config['model']['name']} or of g2p's numerics has changed since, so the run "
            "is trained anew.",
            soft_wrap=True,
        )
    base = None
    if config["transfer"].get("method") == "finetuned":
        others = [known.panel.phenotype_names[c] for c in known.wanted if c not in columns]
        console.print("First the run on the other phenotypes, to go on from:")
        place = group and group.base()
        first = yield from obtain_steps(_base_of(config, others), place, console, wait)
        base = first.checkpoints / "best.ckpt"
    told = {key: value for key, value in config["data"].items() if key in prepare_options()}
    panel = replace(known.panel, phenotypes=known.phenotypes)
    target = config["transfer"].get("target")
    cache = Path(config["paths"]["cache"]).expanduser()
    memory = cache / "thinned" / f"{_name_of_genotypes(config, known.sign)}.npz"
    data = prepare(panel, known.split, columns, config["qc"], target, memory, **told)
    for line in (*data.qc_log, _sizes(config, data), *_of_transfer(data, target)):
        console.print(line, soft_wrap=True)
    with locked(directory, console, wait) as check_directory:
        if config["force"]:
            if _begun_by_force(directory):
                line = "Resuming the run that force=true began before; it was killed on the way."
                console.print(line, soft_wrap=True)
            else:
                directory.clear()
        if not directory.finished:  # another process may have finished it while we waited
            ridge = ridge_reference(data, cache / "ridge" / f"{known.sign(_ridge_of(config))}.json")
            ceiling = panel.noise_ceiling
            yield from training_steps(
                config, directory, data, base, ridge, ceiling, known.accelerator, known.provenance,
                group, check_directory,
            )  # fmt: skip
    return directory


def _begun_by_force(directory: RunDirectory) -> bool:
    """Whether force=true began the run and a kill ended it, so that the same command resumes it.

    A preempted job is given its command again, and would else never end. Any other run that
    force=true is asked for starts from its first epoch.
    """
    if directory.finished:
        return False
    try:
        return (
            directory.config().get("force") is True
            and find_last_checkpoint(directory.checkpoints) is not None
        )
    except UserError:
        return False


def _base_of(config: Mapping, phenotypes: list[str]) -> dict:
    """The run that fine-tuning starts from."""
    return {**config, "transfer": {"name": "none"}, "phenotype": phenotypes, "force": False}


def _name_of_genotypes(config: Mapping, sign: Callable) -> str:
    """What decides on the genotypes of a run, hashed as if it were a run of its own."""
    ridge = _ridge_of(config)
    if config["data"]["missing"] == "drop_strain" or config["split"]["name"] == "cv2":
        return sign(ridge)  # then the phenotypes do, too
    return sign({**ridge, "transfer": {"name": "none"}}, phenotypes=[])


def _ridge_of(config: Mapping) -> dict:
    return {**config, "model": {"name": "ridge"}}


def _sizes(config: Mapping, data: Prepared) -> str:
    parts = ", ".join(f"{len(rows)} {part}" for part, rows in data.split.items())
    return (
        f"{config['model']['name']} on {config['data']['name']}: {parts} strains, "
        f"{len(data.loci)} loci, {plural(len(data.phenotype_names), 'phenotype')}"
    )


def _of_transfer(data: Prepared, target: str | None) -> list[str]:
    """How many of the target's observations are left to learn from: quality control comes later."""
    if target is None:
        return []
    column = data.phenotype_names.index(target)
    known = {
        part: int(np.isfinite(data.subset(part)[1][:, column]).sum()) for part in ("train", "val")
    }
    return [f"transfer to {target}: {known['train']} observations train, {known['val']} validate"]
