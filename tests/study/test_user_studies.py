"""Studies of one's own: the schema for editors agrees with what is read; worked examples run."""

import json
import re

import jsonschema
import pytest
import yaml
from omegaconf import OmegaConf

from g2p.config.registry import CONF
from g2p.core.errors import G2PError
from g2p.study.schema import KINDS, check_shape
from tests.helpers.command import ROOT, sweep

SCHEMA = json.loads((ROOT / "docs/study.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
BLOCK = re.compile(r"```yaml\n# (my_studies/\w+\.yaml)\n(.*?)```", re.DOTALL)
EXAMPLES = dict(BLOCK.findall((ROOT / "docs/studies.md").read_text()))


def plain(text: str):
    return OmegaConf.to_container(OmegaConf.create(text))


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "study").glob("*.yaml")))
def test_shipped_studies_fit_the_schema(name):
    spec = plain((CONF / "study" / f"{name}.yaml").read_text())
    assert [error.message for error in VALIDATOR.iter_errors(spec)] == []


def test_the_schema_has_the_keys_that_are_read():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"].keys() == KINDS.keys()
    size = SCHEMA["properties"]["sizes"]["additionalProperties"]["properties"]
    assert size.keys() == KINDS.keys() - {"sizes"}


SPEC = "factors: {model: [ridge, gbdt]}\nsizes: {full: {}}\n"


@pytest.mark.parametrize(
    "text",
    [
        "factor: {model: [ridge]}\n", "seeds: [a]\n", "seeds: []\n", "compare: [[a]]\n",
        "compare: ladders\n", "select: {model: test}\n", "when: [{set: {seed: 1}}]\n",
        "trend: {model: {inside: seed}}\n", "sizes: {full: {sizes: {}}}\n", "question: [a]\n",
        "factors: {model: []}\n", "factors: {seed: [1]}\n", "compare: {model: {within: seed}}\n",
        "factors: {model: {bottom: {}, rungs: [{set: {}}]}}\n", "explain: 3\n",
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_by_both(text):
    spec = {**yaml.safe_load(SPEC), **yaml.safe_load(text)}
    check_shape(yaml.safe_load(SPEC))
    VALIDATOR.validate(yaml.safe_load(SPEC))
    with pytest.raises(G2PError):
        check_shape(spec)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(spec)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_worked_example(tmp_path, name):
    file = tmp_path / name
    file.parent.mkdir()
    file.write_text(EXAMPLES[name])
    VALIDATOR.validate(plain(EXAMPLES[name]))
    done = sweep(f"study={name}", "size=smoke", "logger=none", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"studies/{file.stem}-smoke/report.html").is_file()
    plan = sweep(f"study={name}", "size=full", "--dry-run", "logger=none", cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr


def test_there_are_three_examples():
    assert len(EXAMPLES) == 3
