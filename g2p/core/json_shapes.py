"""The required contents of each JSON file that g2p reads back.

A file that a run needs (metrics.json) is refused if its contents are wrong; a file that can be
recreated is recreated. Other keys than those named here are allowed.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

SHAPE = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
LARGEST = 2**63 - 1  # of a table's column of whole numbers

Count = Annotated[int, Field(ge=0, le=LARGEST)]
Seconds = Annotated[float, Field(ge=0)]


@with_config(SHAPE)
class SubsetScores(TypedDict):
    """Scores of one subset of the split by phenotype; null where a score is undefined."""

    r2: Annotated[dict[str, float | None], Field(min_length=1)]
    pearson: dict[str, float | None]
    n: dict[str, Count]
    r2_mean: float | None
    loss: float | None


@with_config(SHAPE)
class RidgeScores(TypedDict):
    r2: Annotated[dict[str, float | None], Field(min_length=1)]
    r2_mean: float | None


@with_config(SHAPE)
class RidgeReference(TypedDict):
    """Scores of ridge on the same split."""

    val: RidgeScores
    test: RidgeScores


@with_config(SHAPE)
class Layer(TypedDict):
    """The entropy of one layer's attention."""

    entropy: float
    uniform: float
    degenerate: str | None


@with_config(SHAPE)
class Escape(TypedDict):
    """When a training left its additive plateau: the epoch, from 0, and the updates at its end."""

    epoch: Count
    updates: Count


@with_config(SHAPE)
class CovariateScores(TypedDict):
    """What covariates explain of the test strains, by phenotype."""

    r2: dict[str, float | None]
    r2_beyond: dict[str, float | None]
    share_of_prediction: dict[str, float | None]
    effects: dict[str, dict[str, float | None]]


def _check_phenotypes(metrics: dict) -> dict:
    names = metrics["test"]["r2"].keys()
    for subset in ("val", "test"):
        for score in ("r2", "pearson", "n"):
            if metrics[subset][score].keys() != names:
                raise ValueError(f"{subset}.{score} has other phenotypes than test.r2")
    return metrics


@with_config(SHAPE)
class MemberScores(TypedDict):
    """One network of an ensemble: its training, and mean R2 by part of the split."""

    epochs: Count
    best_epoch: Count
    updates: Count
    val_r2_mean: float | None
    test_r2_mean: float | None


@with_config(SHAPE)
class _Metrics(TypedDict):
    signature: str
    model: str
    seed: int
    best_epoch: Count
    epochs: Annotated[int, Field(ge=1, le=LARGEST)]
    seconds: Seconds
    num_parameters: Count
    val: SubsetScores
    test: SubsetScores
    ridge: RidgeReference | None
    noise_ceiling: dict[str, float]
    n_train: NotRequired[dict[str, Count]]
    flops: NotRequired[Seconds | None]
    updates: NotRequired[Count | None]
    covariates: NotRequired[CovariateScores]
    noise_variance: NotRequired[dict[str, float]]
    plateau: NotRequired[bool]
    escape: NotRequired[Escape | None]
    attention: NotRequired[Annotated[list[Layer], Field(min_length=1)]]
    members: NotRequired[list[MemberScores]]


Metrics = Annotated[_Metrics, AfterValidator(_check_phenotypes)]


@with_config(SHAPE)
class StoredRidge(TypedDict):
    """A ridge reference in the cache."""

    ridge: RidgeReference
    checksum: int


@with_config(SHAPE)
class Environment(TypedDict):
    """The keys of environment.json that g2p reads back."""

    packages: NotRequired[dict[str, str]]
    data_fingerprint: NotRequired[str]
    numerics_version: NotRequired[int]
    code_digest: NotRequired[str]
    threads: NotRequired[Count]
    stacked: NotRequired[bool]
    peak_memory: NotRequired[Count | None]
    peak_device_memory: NotRequired[Count | None]
    energy: NotRequired[Seconds | None]


@with_config(SHAPE)
class StoredStatus(TypedDict):
    """A run's status.json; host and pid are those of the process of a running one."""

    state: Literal["pending", "running", "done", "failed"]
    at: str
    error: NotRequired[str]
    host: NotRequired[str]
    pid: NotRequired[Count]


@with_config(SHAPE)
class LedgerLine(TypedDict):
    """One line of a study's ledger.jsonl."""

    signature: str
    event: Literal["begun", "ended"]
    at: AwareDatetime


@with_config(SHAPE)
class Published(TypedDict):
    """A study's published.json: the digest of the report's inputs."""

    of: str
    files: Any  # only compared with the files on disk
    warnings: list[str]


@with_config(SHAPE)
class Dashboard(TypedDict):
    """The address of a study's dashboard."""

    url: str


_adapter = cache(TypeAdapter)


def parse(text: str | bytes, shape: Any) -> Any:
    """Return the contents of a JSON text that has a shape of this module.

    Raises:
        ValueError: with the problem, in one line.
    """
    try:
        return _adapter(shape).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        problem = first["msg"].replace("Input should be", f"{key} should be")
        problem = problem.replace("Field required", f"{key} is missing")
        raise ValueError(problem.removeprefix("Value error, ")) from None


def read_checked_json(path: Path, shape: Any) -> Any:
    """Return the contents of a file that can be recreated; None if it is absent or damaged."""
    try:
        return parse(path.read_bytes(), shape)
    except (FileNotFoundError, ValueError):
        return None
