"""run(config): the one path of every entry point, from a config to a finished directory."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch

from g2p.config.run_config import RunConfig
from g2p.config.schema import check
from g2p.core.console import Console
from g2p.core.errors import G2PError
from g2p.core.phrases import plural
from g2p.data.preprocess import Prepared
from g2p.runs.directory import RunDirectory, unverified_line
from g2p.runs.environment import differences
from g2p.runs.execute import Result, Steps, training_steps
from g2p.runs.lock import locked
from g2p.runs.metrics_table import print_attention, print_plateau, print_table
from g2p.runs.prepared_data import prepared_data, ridge_config
from g2p.runs.resolve import ResolvedRun, finished_under_other_code, resolve_run
from g2p.runs.ridge_reference import ridge_reference
from g2p.runs.status import recorded
from g2p.tracking.group import Group
from g2p.training.checkpoints import find_last_checkpoint
from g2p.training.fit import fit_model
from g2p.training.weights import weigh_strains


def run(config: Mapping, *, set_by_user: Iterable[str] = (), group: str | None = None) -> Path:
    """Train, or return what was trained before; print the table and the directory.

    Args:
        config: resolved; a `RunConfig`, or plain dicts (`conf/config.yaml` says which keys).
        set_by_user: keys that the user set, so that one without effect is refused.
        group: of the multirun or study this run belongs to, for the tracker.

    Returns:
        The run's directory, named by its signature.

    Raises:
        G2PError: for whatever the user can mend; nothing that was finished is lost.
    """
    return drive(run_steps(config, set_by_user=set_by_user, group=group))


def obtain_run(config: RunConfig, group: Group | None, console: Console) -> RunDirectory:
    """Return the finished run of a checked config: stored, waited for, or trained now."""
    return drive(obtain_steps(config, group, console))


def drive(steps: Steps[Result]) -> Result:
    """Drive one run to its end: fit each request at once, and return what the run returns."""
    try:
        request = next(steps)
        while True:
            try:
                fitted = fit_model(*request)
            except BaseException as error:  # the run closes its files, and raises it again
                request = steps.throw(error)
            else:
                request = steps.send(fitted)
    except StopIteration as ended:
        return ended.value


def run_steps(
    config: Mapping, *, set_by_user: Iterable[str] = (), group: str | None = None, wait: bool = True
) -> Steps[Path]:
    """Do what `run` does, and yield each fit to whoever drives the run."""
    check(config, set_by_user)
    config = RunConfig.of(config)
    console = Console()
    tracker_group = Group(group) if group else None
    directory = yield from obtain_steps(config, tracker_group, console, wait)
    metrics = directory.metrics()
    print_table(metrics, console)
    if "attention" in metrics:
        print_attention(metrics["attention"], console)
    print_plateau(metrics, console)
    print(f"run: {directory.folder}", flush=True)
    return directory.folder


def obtain_steps(
    config: RunConfig, group: Group | None, console: Console, wait: bool = True,
    resolved: ResolvedRun | None = None,
) -> Steps[RunDirectory]:  # fmt: skip
    """Do what `obtain_run` does, and yield each fit to whoever drives the run.

    Args:
        config: of the run.
        group: for the tracker.
        console: for the user's messages.
        wait: for another process that trains the run.
        resolved: the run's identity, where the caller has it.

    Raises:
        BusyError: when another process is training the run and `wait` is off.
    """
    resolved = resolved or resolve_run(config)
    directory, columns = resolved.directory, resolved.columns
    if directory.finished and not config.force:
        console.print("Finished before; here is its result (force=true trains it again).")
        if line := unverified_line([directory]):
            console.print(line, soft_wrap=True)
        if line := differences(directory.environment(), torch.get_num_threads()):
            console.print(line, soft_wrap=True)
        return directory
    if earlier := finished_under_other_code([directory]).get(directory.folder.name):
        console.print(
            f"Finished before under other code: {earlier.folder}. The code of "
            f"model={config.model.name} or of g2p's numerics has changed since, so the run "
            "is trained again.",
            soft_wrap=True,
        )
    base = None
    if config.transfer.name == "target" and config.transfer.method == "finetuned":
        names = resolved.panel.phenotype_names
        other_phenotypes = [names[c] for c in resolved.requested_columns if c not in columns]
        console.print(
            "Fine-tuning needs a base model trained on the other phenotypes; training it first.",
            soft_wrap=True,
        )
        base_run = yield from obtain_steps(
            _base_config(config, other_phenotypes), group and group.base(), console, wait
        )
        base = base_run.verify("checkpoints/best.ckpt")
    target, cache = resolved.target, Path(config.paths.cache).expanduser()
    data = weigh_strains(prepared_data(config, resolved))
    for line in (*data.qc_log, _sizes_line(config, data), *_transfer_lines(data, target)):
        console.print(line, soft_wrap=True)
    with locked(directory, console, wait) as check_directory:
        if config.force:
            if _is_unfinished_force(directory):
                line = "Resuming the run that an earlier force=true started and did not finish."
                console.print(line, soft_wrap=True)
            else:
                directory.clear()
        if not directory.finished:  # another process may have finished it while we waited
            with recorded(directory, config):
                ridge_signature = resolved.signature_of(ridge_config(config))
                ridge = ridge_reference(data, cache / "ridge" / f"{ridge_signature}.json")
                ceiling = resolved.panel.noise_ceiling
                yield from training_steps(
                    config, directory, data, base, ridge, ceiling, resolved.accelerator,
                    resolved.provenance, group, check_directory,
                )  # fmt: skip
    return directory


def _is_unfinished_force(directory: RunDirectory) -> bool:
    """Whether force=true started the run and a kill ended it, so that the same command resumes it.

    A preempted job runs the same command again, and would otherwise never finish. Any other run
    under force=true starts from its first epoch.
    """
    if directory.finished:
        return False
    try:
        return (
            getattr(directory.config(), "force", False) is True
            and find_last_checkpoint(directory.checkpoints) is not None
        )
    except G2PError:
        return False


def _base_config(config: RunConfig, phenotypes: list[str]) -> RunConfig:
    """Return the config of the run that fine-tuning starts from."""
    return config.replace(transfer={"name": "none"}, phenotype=phenotypes, force=False)


def _sizes_line(config: RunConfig, data: Prepared) -> str:
    subsets = ", ".join(f"{len(rows)} {subset}" for subset, rows in data.split.items())
    return (
        f"{config.model.name} on {config.data.name}: {subsets} strains, "
        f"{len(data.loci)} loci, {plural(len(data.phenotype_names), 'phenotype')}"
    )


def _transfer_lines(data: Prepared, target: str | None) -> list[str]:
    """Say how many observations of the target remain to learn from, after quality control."""
    if target is None:
        return []
    column = data.phenotype_names.index(target)
    train, val = (
        int(np.isfinite(data.subset(subset)[1][:, column]).sum()) for subset in ("train", "val")
    )
    return [f"transfer to {target}: {train} observations train, {val} validate"]
