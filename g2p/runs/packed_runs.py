"""Several runs in one process: those whose fits can be done at once wait for each other."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from g2p.config.registry import is_baseline
from g2p.core.interrupts import prioritise_interrupts, raise_if_interrupted
from g2p.runs.lock import BusyError
from g2p.runs.run import Steps, drive
from g2p.training.fit import Capacity, FitRequest, Fitted, fit_model

# Options that make no difference to the arithmetic of a step: runs may differ in them, as they may
# in phenotype, split, seed and optimizer.
OWN_OF_MODEL = {"init_scale", "initialisation", "dropout"}
SAME_OF_TRAINER = ("accelerator", "devices", "batch_size", "precision")

Begin = Callable[[bool], Steps]


def run_packed(
    configs: Sequence[Mapping], begin: Sequence[Begin], say: Callable[[str], None]
) -> list[object | BaseException]:
    """Drive runs to their ends; what each returned or raised, in order.

    A run that fails, or calls sys.exit, costs itself alone. One that another process is training is
    waited for at the end, when nothing is held that the other might wait for.

    Args:
        configs: of the runs.
        begin: for each run, from whether to wait for other processes to its steps.
        say: told how many runs are trained at once.
    """
    alike = defaultdict(list)
    for number, config in enumerate(configs):
        alike[_kind(config) or str(number)].append(number)
    results: dict[int, object] = {}
    for numbers in alike.values():
        runs = Runs(say)
        with runs.closing(), prioritise_interrupts():
            for number in numbers:
                raise_if_interrupted()
                runs.advance(number, begin[number](False), next)
                if runs.full:
                    runs.fit()
            while runs.asking:
                runs.fit()
        results |= runs.results
    for number, result in results.items():
        if isinstance(result, BusyError):
            try:
                results[number] = drive(begin[number](True))
            except (Exception, SystemExit) as error:
                results[number] = error
    return [results[number] for number in range(len(configs))]


def _kind(config: Mapping) -> str | None:
    """What the configs have in common that may be fitted at once; None for one fitted alone."""
    if is_baseline(config["model"]["name"]) or config["trainer"]["devices"] > 1:
        return None
    return json.dumps(
        {
            **{group: config[group] for group in ("data", "qc", "transfer")},
            "model": {k: v for k, v in config["model"].items() if k not in OWN_OF_MODEL},
            "trainer": {key: config["trainer"][key] for key in SAME_OF_TRAINER},
        },
        sort_keys=True,
    )


def _sizes(request: FitRequest) -> tuple:
    """What else must be the same; only the data say it."""
    method = request.base is not None  # a fine-tuned run's first fit is on other phenotypes
    return request.data.genotypes.shape[1], len(request.data.phenotype_names), method


class Runs:
    """Runs of one kind under way.

    Attributes:
        under_way: number of a run -> its steps.
        results: number of a run -> what it returned or raised.
        asking: sizes -> number of a run -> the fit that it asks for.
        room: sizes -> how many such runs fit into memory, and how they are trained.
    """

    def __init__(self, say: Callable[[str], None]):
        self.under_way: dict[int, Steps] = {}
        self.results: dict[int, object] = {}
        self.asking: dict[tuple, dict[int, FitRequest]] = {}
        self.room: dict[tuple, Capacity] = {}
        self.say = say

    @property
    def full(self) -> bool:
        """Whether as many runs of the same sizes are asking as fit into memory."""
        return any(len(asking) >= self.room[sizes].members for sizes, asking in self.asking.items())

    def advance(self, number: int, run: Steps, step: Callable[[Steps], FitRequest]) -> None:
        """Let a run go on to the next fit that it asks for, or to its end."""
        self.under_way[number] = run
        try:
            request = step(run)
            sizes = _sizes(request)
            if sizes not in self.room:
                self.room[sizes] = _room(request)
        except StopIteration as ended:
            self._end(number, ended.value)
        except (Exception, SystemExit) as error:  # of any kind: it costs this run alone
            run.close()
            self._end(number, error)
        else:
            self.asking.setdefault(sizes, {})[number] = request

    def _end(self, number: int, result: object) -> None:
        del self.under_way[number]
        self.results[number] = result

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """What ends all of them, a signal as a rule: each run closes what it has open."""
        try:
            yield
        except BaseException as error:
            for run in self.under_way.values():
                _close(run, error)
            raise

    def fit(self) -> None:
        """Fit the runs of those sizes that most are asking for, and let each go on as it ends."""
        sizes = max(self.asking, key=lambda sizes: len(self.asking[sizes]))
        asking = self.asking.pop(sizes)
        for number, result in self._fitted(asking, sizes):
            run = self.under_way[number]
            if isinstance(result, BaseException):
                self.advance(number, run, lambda run, error=result: run.throw(error))
            else:
                self.advance(number, run, lambda run, fitted=result: run.send(fitted))

    def _fitted(self, asking: Mapping[int, FitRequest], sizes: tuple):
        """Number and result of each fit, as it ends."""
        numbers = list(asking)
        if len(numbers) == 1:
            yield numbers[0], _result(asking[numbers[0]])
            return
        from torch import OutOfMemoryError

        from g2p.training.packed.fit import fit_packed

        most, stacked = self.room[sizes]
        way = "as one model" if stacked else "in turn"
        self.say(f"{len(numbers)} runs train together, {way} (memory for {most}).")
        requests = list(asking.values())
        too_many = []
        for i, result in fit_packed(requests, stacked=stacked):
            if isinstance(result, OutOfMemoryError):
                too_many.append(i)
            else:
                yield numbers[i], result
        if too_many:
            self.room[sizes] = Capacity(max(1, len(too_many) // 2), stacked)
            self.say(f"The device's memory ran out; {len(too_many)} runs go on one by one.")
        for i in too_many:
            yield numbers[i], _result(requests[i])


def _room(request: FitRequest) -> Capacity:
    if _kind(request.config) is None:
        return Capacity(1, stacked=False)
    from g2p.training.packed.fit import measure_capacity  # torch comes with it

    return measure_capacity(request)


def _result(request: FitRequest) -> Fitted | BaseException:
    try:
        return fit_model(*request)
    except (Exception, SystemExit) as error:
        return error


def _close(run: Steps, error: BaseException) -> None:
    try:
        run.throw(error)
    except BaseException as again:
        if again is not error:
            raise
