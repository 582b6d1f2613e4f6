"""Several runs in one process: those of a kind are fitted as one stacked model."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack

from g2p.config.locate import is_dotted
from g2p.config.run_config import RunConfig
from g2p.core.interrupts import prioritise_interrupts, raise_if_interrupted
from g2p.runs.execute import TrainingRun
from g2p.runs.lock import BusyError
from g2p.training.fit import FitRequest, Fitted, fit_model

# Model options that do not change the arithmetic of a step: packed runs may differ in them, as they
# may in phenotype, split, seed and optimizer.
FREE_MODEL_OPTIONS = {"init_scale", "initialisation", "dropout"}
SHARED_TRAINER_OPTIONS = ("accelerator", "devices", "batch_size", "precision")

# Called with whether to wait for another process that trains the run: a context manager that
# prepares and locks the run and yields it, or None if nothing is left to train.
Open = Callable[[bool], AbstractContextManager[TrainingRun | None]]


def run_packed(
    configs: Sequence[RunConfig], opens: Sequence[Open], report: Callable[[str], None]
) -> list[BaseException | None]:
    """Train runs, as many at once as fit into memory; return in order the error of each, or None.

    A run that fails, or calls sys.exit, does not affect the others. One that another process is
    training is waited for at the end, when this process holds no lock that the other may wait for.

    Args:
        configs: of the runs.
        opens: how each is opened, such as `g2p.runs.run.open_run`.
        report: is called with a line on how many runs are trained at once.
    """
    by_kind = defaultdict(list)
    for number, config in enumerate(configs):
        by_kind[_kind(config) or str(number)].append(number)
    errors: dict[int, BaseException | None] = {}
    for numbers in by_kind.values():
        # An error that ends all of them, mostly a signal, has each run close its files.
        with prioritise_interrupts(), ExitStack() as every_run:
            runs = PackedRuns(report, every_run)
            for number in numbers:
                raise_if_interrupted()
                runs.begin(number, opens[number](False))
            while runs.waiting:
                runs.fit_waiting()
        errors |= runs.errors
    for number, error in errors.items():
        if isinstance(error, BusyError):
            errors[number] = _run_alone(opens[number])
    return [errors[number] for number in range(len(configs))]


def _kind(config: RunConfig) -> str | None:
    """Return what configs must share to be packed, as text; None for a run that is fitted alone."""
    trainer = config.trainer
    # Code of a user's own need not be what torch.vmap can stack.
    has_user_code = is_dotted(config.model.name) or is_dotted(config.optim.name)
    is_custom = has_user_code or trainer.loss or trainer.callbacks or trainer.schedule
    is_several = trainer.devices > 1 or trainer.ensemble > 1
    if is_custom or is_several or not config.model.is_trained:
        return None
    return json.dumps(
        {
            "data": config.data.to_dict(),
            "qc": config.qc.to_dict(),
            "transfer": config.transfer.to_dict(),
            "model": {
                k: v for k, v in config.model.to_dict().items() if k not in FREE_MODEL_OPTIONS
            },
            "trainer": [getattr(trainer, key) for key in SHARED_TRAINER_OPTIONS],
        },
        sort_keys=True,
    )


def _sizes(request: FitRequest) -> tuple:
    """Return what else packed fits must share, which only their data says."""
    is_finetuned = request.base is not None  # whose base run is on other phenotypes
    return request.data.genotypes.shape[1], len(request.data.phenotype_names), is_finetuned


class PackedRuns:
    """Runs that are prepared and locked but not fitted yet, grouped by the sizes of their data.

    As soon as as many of a group wait as fit into memory, they are trained as one stacked model;
    there each is a `g2p.training.packed.member.PackedRun`.

    Attributes:
        waiting: for each group number of a run -> the run, and what releases its lock, tracker
            and log.
        capacity: for each group how many of its runs fit into memory at once.
        errors: number of a run that has ended -> its error, or None.
    """

    def __init__(self, report: Callable[[str], None], every_run: ExitStack):
        self.report, self.every_run = report, every_run
        self.waiting: dict[tuple, dict[int, tuple[TrainingRun, ExitStack]]] = {}
        self.capacity: dict[tuple, int] = {}
        self.errors: dict[int, BaseException | None] = {}

    def begin(self, number: int, opened: AbstractContextManager[TrainingRun | None]) -> None:
        """Open a run; fit those that wait with it once as many wait as fit into memory."""
        block = self.every_run.enter_context(ExitStack())
        try:
            run = block.enter_context(opened)
        except (Exception, SystemExit) as error:  # of any kind: the other runs continue
            self.errors[number] = without_frames(error)
            return
        if run is None:
            self._end(number, block)
            return
        sizes = _sizes(run.request)
        if sizes not in self.capacity:
            capacity = _capacity(run.request)
            if capacity is None:  # its own fault, which its fit will raise: others are measured
                sizes, capacity = (*sizes, number), 1
            self.capacity[sizes] = capacity
        self.waiting.setdefault(sizes, {})[number] = run, block
        if len(self.waiting[sizes]) >= self.capacity[sizes]:
            self.fit_waiting()

    def fit_waiting(self) -> None:
        """Fit the runs of those sizes for which most wait, and finish each as its fit ends."""
        sizes = max(self.waiting, key=lambda sizes: len(self.waiting[sizes]))
        runs = self.waiting.pop(sizes)
        requests = {number: run.request for number, (run, _) in runs.items()}
        for number, fitted in self._fit(requests, sizes):
            run, block = runs[number]
            self._end(number, block, run, fitted)

    def _end(
        self, number: int, block: ExitStack, run: TrainingRun | None = None,
        fitted: Fitted | BaseException | None = None,
    ) -> None:  # fmt: skip
        """Finish and close a run, whose error is its own."""
        self.errors[number] = None
        try:
            with block:
                if isinstance(fitted, BaseException):
                    raise fitted
                if run is not None and fitted is not None:
                    run.finish(fitted)
        except (Exception, SystemExit) as error:
            self.errors[number] = without_frames(error)

    def _fit(
        self, requests: Mapping[int, FitRequest], sizes: tuple
    ) -> Iterator[tuple[int, Fitted | BaseException]]:
        """Yield number and result of each fit, as it ends."""
        numbers = list(requests)
        if len(numbers) == 1:
            yield numbers[0], _fit_alone(requests[numbers[0]])
            return
        from torch import OutOfMemoryError

        from g2p.training.packed.fit import fit_packed

        most = self.capacity[sizes]
        self.report(f"{len(numbers)} runs train together as one model (memory for {most}).")
        out_of_memory = []
        for i, result in fit_packed(list(requests.values())):
            if isinstance(result, OutOfMemoryError):
                out_of_memory.append(numbers[i])
            else:
                yield numbers[i], result
        if out_of_memory:
            self.capacity[sizes] = max(1, len(out_of_memory) // 2)
            self.report(
                f"The device ran out of memory; {len(out_of_memory)} runs continue one by one."
            )
        for number in out_of_memory:
            yield number, _fit_alone(requests[number])


def _capacity(request: FitRequest) -> int | None:
    """Return how many such runs fit into memory at once; None where this one cannot be built."""
    if _kind(request.config) is None:
        return 1
    from g2p.training.packed.fit import measure_capacity  # torch comes with it

    try:
        return measure_capacity(request)
    except Exception:  # of any kind: its fit, alone, raises it again as the run's own
        return None


def _fit_alone(request: FitRequest) -> Fitted | BaseException:
    try:
        return fit_model(*request)
    except (Exception, SystemExit) as error:
        return error


def _run_alone(open_run: Open) -> BaseException | None:
    try:
        with open_run(True) as run:
            if run is not None:
                run.finish(fit_model(*run.request))
    except (Exception, SystemExit) as error:
        return without_frames(error)
    return None


def without_frames(error: BaseException) -> BaseException:
    """Return an error without the frames that raised it, which hold a run's data and model."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error
