"""run(config): the one path of every entry point, from a config to a finished directory.

Resolve; return the run if it is finished; prepare, fit, evaluate, write. Several runs that are
fitted as one stacked model are opened and finished here, too (`g2p.runs.packed_runs`).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from g2p.config.run_config import RunConfig
from g2p.config.schema import check
from g2p.core.console import Console
from g2p.core.errors import G2PError
from g2p.core.phrases import plural
from g2p.data.preprocess import Prepared
from g2p.hardware.device import n_threads
from g2p.runs.directory import RunDirectory, unverified_line
from g2p.runs.environment import differences
from g2p.runs.execute import TrainingRun, check_metrics
from g2p.runs.lock import locked
from g2p.runs.metrics_table import print_attention, print_members, print_plateau, print_table
from g2p.runs.prepared_data import prepared_data, ridge_config
from g2p.runs.resolve import ResolvedRun, finished_under_other_code, resolve_run
from g2p.runs.ridge_reference import ridge_reference
from g2p.runs.status import recorded
from g2p.tracking.group import Group
from g2p.tracking.tracker import check_installed, open_tracker
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
    check(config, set_by_user)
    console = Console()
    directory = obtain_run(RunConfig.of(config), Group(group) if group else None, console)
    print_result(directory, console)
    return directory.folder


def obtain_run(
    config: RunConfig, group: Group | None, console: Console, wait: bool = True,
    resolved: ResolvedRun | None = None,
) -> RunDirectory:  # fmt: skip
    """Return the finished run of a checked config: stored, waited for, or trained now.

    Args:
        config, group, console, wait: those of `open_run`.
        resolved: the run's identity, where the caller has it.
    """
    resolved = resolved or resolve_run(config)
    with open_run(config, resolved, group, console, wait) as training:
        if training is not None:
            training.finish(fit_model(*training.request))
    return resolved.directory


@contextmanager
def open_run(
    config: RunConfig, resolved: ResolvedRun, group: Group | None, console: Console,
    wait: bool = True,
) -> Iterator[TrainingRun | None]:  # fmt: skip
    """Prepare a run for its fit, and hold its lock for the block, which fits and finishes it.

    Args:
        config: of the run.
        resolved: its identity.
        group: of the multirun or study it belongs to, for the tracker.
        console: for the user's messages.
        wait: for another process that trains the run.

    Yields:
        The run that is to be fitted; None where it is finished.

    Raises:
        BusyError: when another process is training the run and `wait` is off.
    """
    directory = resolved.directory
    if directory.finished and not config.force:
        _print_finished(config, directory, console)
        yield None
        return
    check_installed(config.logger)
    _print_earlier(config, directory, console)
    base = _base_checkpoint(config, resolved, group, console, wait)
    data = weigh_strains(prepared_data(config, resolved))
    for line in (*data.qc_log, _sizes_line(config, data), *_transfer_lines(data, resolved.target)):
        console.print(line, soft_wrap=True)
    with locked(directory, console, wait) as check_directory:
        if config.force:
            _begin_again(directory, console)
        if directory.finished:  # another process may have finished it while we waited
            yield None
            return
        with recorded(directory, config):
            cache = Path(config.paths.cache).expanduser() / "ridge"
            signature = resolved.signature_of(ridge_config(config))
            ridge = ridge_reference(data, cache / f"{signature}.json")
            check_metrics(config, data)
            with open_tracker(config, directory.folder.name, group) as tracker:
                yield TrainingRun(config, resolved, data, base, ridge, tracker, check_directory)


def print_result(directory: RunDirectory, console: Console) -> None:
    """Print the scores of a finished run and, as its last line, where it is."""
    metrics = directory.metrics()
    print_table(metrics, console)
    if "attention" in metrics:
        print_attention(metrics["attention"], console)
    print_members(metrics, console)
    print_plateau(metrics, console)
    print(f"run: {directory.folder}", flush=True)


def _print_finished(config: RunConfig, directory: RunDirectory, console: Console) -> None:
    console.print("Finished before; here is its result (force=true trains it again).")
    # A closed form of an earlier version recorded torch's threads, which it did not compute with.
    threads = n_threads(is_network=True) if config.model.is_trained else None
    for line in (
        unverified_line([directory]),
        differences(directory.environment(), threads),
    ):
        if line:
            console.print(line, soft_wrap=True)


def _print_earlier(config: RunConfig, directory: RunDirectory, console: Console) -> None:
    """Say where the same run was finished under other code, so that it is trained again."""
    if earlier := finished_under_other_code([directory]).get(directory.folder.name):
        console.print(
            f"Finished before under other code: {earlier.folder}. The code of "
            f"model={config.model.name} or of g2p's numerics has changed since, so the run "
            "is trained again.",
            soft_wrap=True,
        )


def _base_checkpoint(
    config: RunConfig, resolved: ResolvedRun, group: Group | None, console: Console, wait: bool
) -> Path | None:
    """Return the checkpoint that fine-tuning starts from, trained now unless it is stored."""
    if config.transfer.name != "target" or config.transfer.method != "finetuned":
        return None
    names = resolved.panel.phenotype_names
    others = [names[c] for c in resolved.requested_columns if c not in resolved.columns]
    console.print(
        "Fine-tuning needs a base model trained on the other phenotypes; training it first.",
        soft_wrap=True,
    )
    base = config.replace(
        transfer={"name": "none"}, phenotype=others, force=False,
        trainer={**config.trainer, "ensemble": 1},
    )  # fmt: skip
    return obtain_run(base, group and group.base(), console, wait).verify("checkpoints/best.ckpt")


def _begin_again(directory: RunDirectory, console: Console) -> None:
    """Empty the directory under force=true, unless that began before and a kill ended it."""
    if _is_unfinished_force(directory):
        line = "Resuming the run that an earlier force=true started and did not finish."
        console.print(line, soft_wrap=True)
    else:
        directory.clear()


def _is_unfinished_force(directory: RunDirectory) -> bool:
    """Whether force=true started the run and a kill ended it, so that the same command resumes it.

    A preempted job runs the same command again, and would otherwise never finish. Any other run
    under force=true starts from its first epoch.
    """
    if directory.finished:
        return False
    from g2p.training.checkpoints import find_last_checkpoint  # torch comes with it

    try:
        return getattr(directory.config(), "force", False) is True and any(
            map(find_last_checkpoint, directory.resumable)
        )
    except G2PError:
        return False


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
