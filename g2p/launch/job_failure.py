"""The result of a job whose process died, in Hydra's form."""

from collections.abc import Iterable

from hydra.core.utils import JobReturn, JobStatus

from g2p.core.errors import TrainingError


def job_failure(overrides: Iterable[str], reason: str) -> JobReturn:
    """Return the failed job of these overrides; `reason` is why it ended, in short."""
    error = TrainingError(
        f"{' '.join(overrides)}: its process ended without a result ({reason}). "
        "The same command resumes from its last finished epoch."
    )
    return JobReturn(overrides=list(overrides), status=JobStatus.FAILED, _return_value=error)
