"""Shares of long computations: of parts within parts, and as the closed forms report them."""

import numpy as np
import pytest

from g2p.baselines import build_baseline
from g2p.core.progress import part, report, reporting_to
from tests.helpers.configs import compose


def test_parts_report_their_span_of_the_whole():
    shares = []
    report(0.5)  # nobody looks
    with reporting_to(shares.append):
        report(0.1)
        with part(0.2, 0.6):
            report(0.5)
            with part(0.5, 1.0):
                report(0.5)
        report(1.0)
    report(0.5)
    assert shares == pytest.approx([0.1, 0.4, 0.5, 0.6, 0.6, 1.0])


@pytest.mark.parametrize(
    ("overrides", "at_least"),
    [
        (["model=gbdt", "model.trees=20"], 42),
        (["model=lasso"], 2),
        (["model=rkhs"], 20),
        (["model=rkhs", "model.rates=locus"], 20),
        (["model=linear_pairwise"], 2),
        (["model=stacked", "model.gbdt.trees=10", "model.folds=2", "model.lasso.penalties=4"], 50),
    ],
)
def test_closed_forms_report_how_far_they_are(overrides, at_least):
    """Never backwards, in spans of the two phenotypes, to the end."""
    rng = np.random.default_rng(0)
    genotypes = rng.choice(np.array([-1, 1], np.int8), (120, 12))
    phenotypes = genotypes[:, :2] + rng.standard_normal((120, 2))
    shares = []
    with reporting_to(shares.append):
        build_baseline(compose(*overrides).model).fit(genotypes, phenotypes)
    assert len(shares) >= at_least and 0.5 in shares
    assert shares == sorted(shares) and shares[0] > 0 and shares[-1] == 1
