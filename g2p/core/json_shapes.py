"""What each JSON file that is read back must hold, checked in one place.

A file that a run cannot be without (metrics.json) is refused when it does not; one that can be made
again is then made again. Keys that are not named here are let through.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

SHAPE = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
LARGEST = 2**63 - 1  # what a table's column of whole numbers holds

Count = Annotated[int, Field(ge=0, le=LARGEST)]
Seconds = Annotated[float, Field(ge=0)]
Status = Literal["pending", "running", "done", "failed"]


class Part(TypedDict):
    """Scores of one part of the split by phenotype; null where nothing can be said."""

    __pydantic_config__ = SHAPE
    r2: Annotated[dict[str, float | None], Field(min_length=1)]
    pearson: dict[str, float | None]
    n: dict[str, Count]
    r2_mean: float | None
    loss: float | None


class PartOfRidge(TypedDict):
    __pydantic_config__ = SHAPE
    r2: Annotated[dict[str, float | None], Field(min_length=1)]
    r2_mean: float | None


class RidgeReference(TypedDict):
    """What ridge reaches on the same split."""

    __pydantic_config__ = SHAPE
    val: PartOfRidge
    test: PartOfRidge


class Layer(TypedDict):
    """The entropy of one layer's attention."""

    __pydantic_config__ = SHAPE
    entropy: float
    uniform: float
    degenerate: str | None


def _of_the_same_phenotypes(metrics: dict) -> dict:
    names = metrics["test"]["r2"].keys()
    for part in ("val", "test"):
        for score in ("r2", "pearson", "n"):
            if metrics[part][score].keys() != names:
                raise ValueError(f"{part}.{score} is not of the phenotypes of test.r2")
    return metrics


class _Metrics(TypedDict):
    __pydantic_config__ = SHAPE
    signature: str
    model: str
    seed: int
    best_epoch: Count
    epochs: Annotated[int, Field(ge=1, le=LARGEST)]
    seconds: Seconds
    num_parameters: Count
    val: Part
    test: Part
    ridge: RidgeReference | None
    noise_ceiling: dict[str, float]
    n_train: NotRequired[dict[str, Count]]
    flops: NotRequired[Seconds | None]
    attention: NotRequired[Annotated[list[Layer], Field(min_length=1)]]


Metrics = Annotated[_Metrics, AfterValidator(_of_the_same_phenotypes)]


class StoredRidge(TypedDict):
    """A ridge reference in the cache."""

    __pydantic_config__ = SHAPE
    ridge: RidgeReference
    checksum: int


class Environment(TypedDict):
    """Of environment.json, what is used again."""

    __pydantic_config__ = SHAPE
    packages: NotRequired[dict[str, str]]
    data_fingerprint: NotRequired[str]
    numerics_version: NotRequired[int]
    code_digest: NotRequired[str]
    threads: NotRequired[Count]
    stacked: NotRequired[bool]
    peak_memory: NotRequired[Count | None]
    peak_device_memory: NotRequired[Count | None]
    energy: NotRequired[Seconds | None]


class LedgerLine(TypedDict):
    """One line of a study's ledger.jsonl."""

    __pydantic_config__ = SHAPE
    signature: str
    status: Status
    error: NotRequired[str]


class Published(TypedDict):
    """A study's published.json: the digest of what its report was made from."""

    __pydantic_config__ = SHAPE
    of: str
    files: Any  # only compared with what is there
    warnings: list[str]


class Dashboard(TypedDict):
    """Where a study's dashboard was saved."""

    __pydantic_config__ = SHAPE
    url: str


_adapters: dict[Any, TypeAdapter] = {}


def parse(text: str | bytes, shape: Any) -> Any:
    """Return what a JSON text holds, if it has a shape of this module.

    Raises:
        ValueError: saying in a line what is wrong.
    """
    if shape not in _adapters:
        _adapters[shape] = TypeAdapter(shape)
    try:
        return _adapters[shape].validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        why = first["msg"].replace("Input should be", f"{where} should be")
        why = why.replace("Field required", f"{where} is missing").removeprefix("Value error, ")
        raise ValueError(why) from None


def read_checked_json(path: Path, shape: Any) -> Any:
    """Return what a file holds that can be made again; None where it is gone or damaged."""
    try:
        return parse(path.read_bytes(), shape)
    except (FileNotFoundError, ValueError):
        return None
