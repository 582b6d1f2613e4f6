"""Several runs in one process: those whose fits can be packed wait for each other."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic

from g2p.config.locate import is_dotted
from g2p.config.run_config import RunConfig
from g2p.core.interrupts import prioritise_interrupts, raise_if_interrupted
from g2p.runs.execute import Result, Steps
from g2p.runs.lock import BusyError
from g2p.runs.run import drive
from g2p.training.fit import Capacity, FitRequest, Fitted, fit_model

# Model options that do not change the arithmetic of a step: packed runs may differ in them, as they
# may in phenotype, split, seed and optimizer.
FREE_MODEL_OPTIONS = {"init_scale", "initialisation", "dropout"}
SHARED_TRAINER_OPTIONS = ("accelerator", "devices", "batch_size", "precision")

Begin = Callable[[bool], Steps[Result]]


def run_packed(
    configs: Sequence[RunConfig], begin: Sequence[Begin[Result]], report: Callable[[str], None]
) -> list[Result | BaseException]:
    """Drive runs to their ends, as many at once as fit; return in order what each came to.

    A run that fails, or calls sys.exit, does not affect the others. One that another process is
    training is waited for at the end, when this process holds no lock that the other may wait for.

    Args:
        configs: of the runs.
        begin: for each run, a function from whether to wait for other processes to its steps.
        report: is called with a line on how many runs are trained at once.

    Returns:
        Of each run what it returned, or the error that it raised.
    """
    by_kind = defaultdict(list)
    for number, config in enumerate(configs):
        by_kind[_kind(config) or str(number)].append(number)
    results: dict[int, Result | BaseException] = {}
    for numbers in by_kind.values():
        runs: PackedRuns[Result] = PackedRuns(report)
        with runs.closing(), prioritise_interrupts():
            for number in numbers:
                raise_if_interrupted()
                runs.advance(number, begin[number](False), next)
                if runs.is_full:
                    runs.fit_waiting()
            while runs.waiting:
                runs.fit_waiting()
        results |= runs.results
    for number, result in results.items():
        if isinstance(result, BusyError):
            try:
                results[number] = drive(begin[number](True))
            except (Exception, SystemExit) as error:
                results[number] = error
    return [results[number] for number in range(len(configs))]


def _kind(config: RunConfig) -> str | None:
    """Return what configs must share to be packed, as text; None for a run that is fitted alone."""
    name = config.model.name
    # Code of a user's own need not be what torch.vmap can stack.
    trainer = config.trainer
    if is_dotted(name) or trainer.loss or trainer.callbacks:
        return None
    if not config.model.is_trained or trainer.devices > 1:
        return None
    return json.dumps(
        {
            "data": config.data.to_dict(),
            "qc": config.qc.to_dict(),
            "transfer": config.transfer.to_dict(),
            "model": {
                k: v for k, v in config.model.to_dict().items() if k not in FREE_MODEL_OPTIONS
            },
            "trainer": [getattr(config.trainer, key) for key in SHARED_TRAINER_OPTIONS],
        },
        sort_keys=True,
    )


def _sizes(request: FitRequest) -> tuple:
    """Return what else packed fits must share, which only their data says."""
    is_finetuned = request.base is not None  # whose base run is on other phenotypes
    return request.data.genotypes.shape[1], len(request.data.phenotype_names), is_finetuned


class PackedRuns(Generic[Result]):
    """The runs of one kind that are under way in this process, each stopped at its next fit.

    `g2p.training.packed.member.PackedRun` is one of them inside a packed fit.

    Attributes:
        under_way: number of a run -> its steps.
        results: number of a run -> what it returned or raised.
        waiting: sizes -> number of a run -> the fit that it waits for.
        capacity: sizes -> how many such runs fit into memory, and how they are trained.
    """

    def __init__(self, report: Callable[[str], None]):
        self.under_way: dict[int, Steps[Result]] = {}
        self.results: dict[int, Result | BaseException] = {}
        self.waiting: dict[tuple, dict[int, FitRequest]] = {}
        self.capacity: dict[tuple, Capacity] = {}
        self.report = report

    @property
    def is_full(self) -> bool:
        """Whether as many runs of the same sizes wait as fit into memory."""
        return any(
            len(waiting) >= self.capacity[sizes].members for sizes, waiting in self.waiting.items()
        )

    def advance(
        self, number: int, run: Steps[Result], step: Callable[[Steps[Result]], FitRequest]
    ) -> None:
        """Let a run continue to the next fit that it requests, or to its end."""
        self.under_way[number] = run
        try:
            request = step(run)
            sizes = _sizes(request)
            if sizes not in self.capacity:
                self.capacity[sizes] = _capacity(request)
        except StopIteration as ended:
            self._end(number, ended.value)
        except (Exception, SystemExit) as error:  # of any kind: the other runs continue
            run.close()
            self._end(number, error)
        else:
            self.waiting.setdefault(sizes, {})[number] = request

    def _end(self, number: int, result: Result | BaseException) -> None:
        del self.under_way[number]
        self.results[number] = result

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Have each run close its files when an error, mostly a signal, ends all of them."""
        try:
            yield
        except BaseException as error:
            for run in self.under_way.values():
                _close(run, error)
            raise

    def fit_waiting(self) -> None:
        """Fit the runs of those sizes for which most wait, and let each continue as it ends."""
        sizes = max(self.waiting, key=lambda sizes: len(self.waiting[sizes]))
        requests = self.waiting.pop(sizes)
        for number, result in self._fit(requests, sizes):
            run = self.under_way[number]
            if isinstance(result, BaseException):
                self.advance(number, run, lambda run, error=result: run.throw(error))
            else:
                self.advance(number, run, lambda run, fitted=result: run.send(fitted))

    def _fit(self, requests: Mapping[int, FitRequest], sizes: tuple):
        """Yield number and result of each fit, as it ends."""
        numbers = list(requests)
        if len(numbers) == 1:
            yield numbers[0], _fit_alone(requests[numbers[0]])
            return
        from torch import OutOfMemoryError

        from g2p.training.packed.fit import fit_packed

        most, stacked = self.capacity[sizes]
        strategy = "as one model" if stacked else "in turn"
        self.report(f"{len(numbers)} runs train together, {strategy} (memory for {most}).")
        out_of_memory = []
        for i, result in fit_packed(list(requests.values()), stacked=stacked):
            if isinstance(result, OutOfMemoryError):
                out_of_memory.append(numbers[i])
            else:
                yield numbers[i], result
        if out_of_memory:
            self.capacity[sizes] = Capacity(max(1, len(out_of_memory) // 2), stacked)
            self.report(
                f"The device ran out of memory; {len(out_of_memory)} runs continue one by one."
            )
        for number in out_of_memory:
            yield number, _fit_alone(requests[number])


def _capacity(request: FitRequest) -> Capacity:
    if _kind(request.config) is None:
        return Capacity(1, stacked=False)
    from g2p.training.packed.fit import measure_capacity  # torch comes with it

    return measure_capacity(request)


def _fit_alone(request: FitRequest) -> Fitted | BaseException:
    try:
        return fit_model(*request)
    except (Exception, SystemExit) as error:
        return error


def _close(run: Steps, error: BaseException) -> None:
    try:
        run.throw(error)
    except BaseException as raised:
        if raised is not error:
            raise
