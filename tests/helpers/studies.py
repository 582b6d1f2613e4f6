"""Studies written in a test, planned without a panel."""

from g2p.study.design import Study, plan
from g2p.study.schema import check_shape

NAMES = ["23C", "25C", "cu"]  # of the phenotypes of their panel


def plan_study(size="full", user_overrides=None, seeds_of_part=None, **spec) -> Study:
    """The study that a file with these keys declares, in one of its sizes."""
    spec = {"sizes": {"full": {}}, **spec}
    check_shape(spec)
    return plan("test", size, spec, lambda common: NAMES, user_overrides, seeds_of_part)
