"""A finished run for use from Python, which can be explained."""

from typing import Any

from g2p.explain.explanation import Explanation
from g2p.explain.options import explain_options
from g2p.runs.finished_run import FinishedRun
from g2p.runs.in_process import call_from_python


class Run(FinishedRun):
    """A finished run, as `train` and `load_run` return it."""

    def explain(self, *, accelerator: str = "auto", **options: Any) -> Explanation:
        """Say which loci and interactions the model found, as `g2p explain` does.

        Args:
            accelerator: `auto`, `cpu` or `cuda`.
            options: see `g2p.explain.options.ExplainOptions`: phenotype, loci, strains, strongest,
                proposals, linkage, seed.

        Raises:
            G2PError: for an option, a run or data that cannot be used. An explanation that was
                interrupted goes on when it is called again.
        """
        from g2p.explain.explain import explain  # imports torch

        chosen = explain_options(options)
        with call_from_python():
            return explain(self.directory, chosen, accelerator=accelerator, code=self.code)
