"""g2p explain, as a user types it."""

import pytest

from g2p.runs.run import run
from tests.helpers.command import call
from tests.helpers.configs import compose, paths

DATA = ("data.strains=240", "data.loci=16", "phenotype=cu", "model=ridge", "logger=none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which a run is trained."""
    return tmp_path_factory.mktemp("explained")


@pytest.fixture(scope="module")
def signature(folder):
    return run(compose(*DATA, *paths(folder))).name


def explain(folder, *arguments):
    return call("-m", "g2p", "explain", *arguments, *paths(folder), cwd=folder)


@pytest.mark.slow
def test_a_run_by_its_name(folder, signature):
    done = explain(folder, f"run={signature}", "strains=10")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for text in ("strongest of", "proposes no interaction", "share of variance", "True pairs:"):
        assert text in done.stdout
    table, _, sentences = done.stdout.partition("A flip is")
    assert max(map(len, table.splitlines())) <= 80
    assert sentences.splitlines()[-1] == f"explanation: {folder / 'runs' / signature / 'explain'}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "run=RUN is missing"),
        (("run=absent",), "run=absent does not exist"),
        (("run={}", "strains=0"), "strains must be a whole number, at least 1, not 0."),
        (("run={}", "strains=many"), "strains must be a whole number, not 'many'."),
        (("run={}", "loci=[a,b]"), "loci: the model has no locus a, b."),
        (("run={}", "phenotype=23C"), "phenotype: the run does not predict 23C."),
        (("run={}", "phenotype=23"), "this panel has no phenotype '23'. Did you mean '23C'?"),
        (("run={}", "linkage=2"), "linkage must be auto, none, or above 0 and at most 1, not 2"),
        (("run={}", "strain=5"), "strain is not an option of g2p explain. Did you mean 'strains'?"),
        (("run={}", "accelerator=gpu"), "accelerator must be one of auto, cpu, cuda, not 'gpu'."),
        (("run={}", "data.seed=3"), "has changed since it was trained"),
    ],
)
def test_what_cannot_be_explained(folder, signature, arguments, message):
    done = explain(folder, *(argument.format(signature) for argument in arguments))
    assert done.returncode == 1
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_help(folder):
    done = call("-m", "g2p", "explain", "--help", cwd=folder)
    assert done.returncode == 0 and "f(++) - f(+-) - f(-+) + f(--)" in done.stdout
