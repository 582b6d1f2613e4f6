"""A job whose process died, as Hydra knows failed jobs."""

from collections.abc import Iterable

from hydra.core.utils import JobReturn, JobStatus

from g2p.core.errors import UserError


def job_failure(words: Iterable[str], how: str) -> JobReturn:
    """The failed job of these overrides; `how` it ended, in a few words."""
    error = UserError(
        f"{' '.join(words)}: its process ended without a result ({how}). "
        "The same command goes on from its last finished epoch."
    )
    return JobReturn(overrides=list(words), status=JobStatus.FAILED, _return_value=error)
