"""From a study's points to its runs: every shipped study is valid; the user's overrides win."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.config.compose import overridden_values
from g2p.config.override_text import format_override
from g2p.config.schema import check
from g2p.core.errors import G2PError
from g2p.study import expand
from g2p.study.design import load_study
from g2p.study.study_files import studies
from tests.helpers.configs import compose, paths
from tests.helpers.studies import NAMES, plan_study


@pytest.mark.parametrize("size", ["smoke", "full"])
@pytest.mark.parametrize("name", studies())
def test_every_shipped_study_is_valid(name, size):
    study = load_study(name, size, lambda common: NAMES)
    assert study.question.endswith("?")
    step = -(-len(study.points) // 6)
    for number, point in enumerate(study.points[:600]):
        config, overrides = expand._config(point, ("logger=none",), {"logger"})
        check(config)
        if number % step == 0:  # some from every part of it: Hydra takes a tenth of a second
            again = compose(*expand.format_overrides(overrides), "logger=none")
            assert again == config  # what a launcher composes from the overrides
    dropping = [p.overrides for p in study.points if p.overrides.get("data.missing") != "mask"
                and "data.missing" in p.overrides]  # fmt: skip
    # Else arms would be tested on the strains that lack none of one, or of all phenotypes.
    assert len({p.get("phenotype") == "all" for p in dropping}) <= 1


@settings(deadline=None, max_examples=60)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("aZ0-9 ,=[]{}'\"\\:#$", max_size=8),
    lambda inner: st.lists(inner, max_size=3), max_leaves=4,
))  # fmt: skip
def test_a_value_survives_the_command_line(value):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    text = str(value)
    if "${" in text:  # an interpolation is one on the command line too
        return
    parsed = OverridesParser.create().parse_override(format_override("model.x", value))
    assert not parsed.is_sweep_override()

    def plain(element):
        if isinstance(element, list):
            return [plain(item) for item in element]
        return element.text if hasattr(element, "text") else element

    assert plain(parsed.value()) == value


def test_an_override_of_a_factor_replaces_its_values(tmp_path):
    """The table says what was trained, not what the study would have trained."""
    small = [*paths(tmp_path), "data.strains=240", "data.loci=16", "logger=none"]
    spec = {"factors": {"model": ["rung", "rijal_attention"], "model.num_layers": [1, 2]},
            "phenotypes": ["23C", "cu"], "seeds": [0, 1]}  # fmt: skip

    def trained(*overrides):
        study = plan_study(user_overrides=overridden_values(overrides), **spec)
        return [
            factors
            for run in expand.resolve(study, [*small, *overrides])
            for factors in run.point_factors
        ]

    assert {p["model.num_layers"] for p in trained("model.num_layers=3", "model=rung")} == {3}
    assert {p["model"] for p in trained("model=transformer")} == {"transformer"}
    assert {p["seed"] for p in trained("seed=5")} == {5}
    assert {p["phenotypes"] for p in trained("phenotype=[mol,li]")} == {"mol,li"}
    # Rules see what is trained.
    spec["when"] = [{"if": {"model": "rung", "model.num_layers": 2}, "drop": True}]
    assert {p["model"] for p in trained("model.num_layers=2")} == {"rijal_attention"}
    spec["factors"]["model"] = {"a": {"model": "rung", "optim": "adam"}, "b": {"model": "ridge"}}
    spec["when"] = []
    with pytest.raises(G2PError, match="model cannot be the same .* together with optim"):
        trained("model=rijal_attention")
    study = plan_study(user_overrides={"model.num_layers": 2}, **spec)
    assert study.other_varying_keys == {"optim"}


def test_each_means_the_phenotypes_of_the_studys_panel(byxrm_folder):
    common = {"data": "byxrm", "model.num_layers": 7}
    names = expand.phenotypes_of([f"paths.data={byxrm_folder.parent}"], common)
    assert "Copper" in names
    assert "cu" in expand.phenotypes_of(["data=simulated"], common)
