"""A package of a user's own: a network, a closed form, a source, a split, an optimizer, a schedule,
a logger, a loss, a metric, a callback, a study, and their YAML files.
"""

from pathlib import Path

NETS = '''"""Networks."""

from typing import Annotated

from torch import nn

from g2p.config.constraints import AtLeast
from my_pkg.parts import scaled


class Base(nn.Module):
    def __init__(self, *, n_loci: int, n_phenotypes: int, hidden: Annotated[int, AtLeast(1)]):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_loci, hidden), nn.ReLU(), nn.Linear(hidden, n_phenotypes)
        )


class MLP(Base):
    def forward(self, genotype_BL):  # (B, L) -> (B, P)
        return scaled(self.layers(genotype_BL))
'''
PARTS = '''def scaled(values):
    """A module that the network's imports."""
    return values * 0.5
'''
FORMS = '''"""A closed form: the mean of each phenotype."""

import numpy as np


class Mean:
    def __init__(self, *, share: float):
        self.share = share

    @property
    def state(self):
        return {"offset": self.offset}

    @property
    def num_parameters(self):
        return self.offset.size

    def fit(self, genotypes, phenotypes):
        self.offset = np.nanmean(phenotypes, axis=0) * self.share
        return self

    def load(self, state):
        self.offset = state["offset"]
        return self

    def predict(self, genotypes):
        return np.tile(self.offset, (len(genotypes), 1))
'''
SOURCES = '''"""A source: genotypes and phenotypes of random numbers, or of a file."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from g2p import Panel


def read_mine(*, file: Path | None, strains: int) -> Panel:
    rng = np.random.default_rng(0)
    genotypes = rng.choice(np.array([-1, 1], np.int8), (strains, 12))
    shift = float(file.read_text()) if file else 0.0
    noise = rng.standard_normal((strains, 2))
    phenotypes = genotypes[:, :2] + 0.3 * noise + shift
    return Panel(
        genotypes=genotypes,
        phenotypes=phenotypes,
        strains=[f"s{i}" for i in range(strains)],
        phenotype_names=["height", "weight"],
        loci=pa.table({
            "id": [f"l{i}" for i in range(12)],
            "chromosome": ["1"] * 12,
            "position": range(12),
        }),
    )
'''
LOSSES = """def absolute(predicted_BP, observed_BP):
    return (predicted_BP - observed_BP).abs()


def squared(predicted_BP, observed_BP):  # as the default
    return (predicted_BP - observed_BP).square()


def whole(predicted_BP, observed_BP, n_observed):  # likewise
    error_BP = (predicted_BP - observed_BP.nan_to_num(0.0)) * observed_BP.isfinite()
    return error_BP.square().sum() / n_observed.clamp(min=1)
"""
SCORES = """import numpy as np


def mae(predicted, observed):
    return np.abs(predicted - observed).mean()
"""
CALLBACKS = '''from pathlib import Path

import lightning as L


class Stop(L.Callback):
    """Ends training after two epochs."""

    def on_train_epoch_end(self, trainer, module):
        with Path("epochs.txt").open("a") as file:
            file.write(f"{trainer.current_epoch}\\n")
        trainer.should_stop = trainer.current_epoch == 1
'''
SPLITS = '''import numpy as np

from g2p.config.constraints import AtLeast
from typing import Annotated


def last(panel, columns, *, strains: Annotated[int, AtLeast(2)]):
    """The last strains of the file are test strains, those before validate."""
    rows = np.arange(len(panel.strains))
    return {"train": rows[: -2 * strains], "val": rows[-2 * strains : -strains],
            "test": rows[-strains:]}
'''
OPTIMIZERS = """import torch


def momentum(parameters, *, lr: float, momentum: float):
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum)
"""
SCHEDULES = """import numpy as np
import torch


def halving(optimizer, epochs):
    factors = np.float64(0.5) ** np.arange(1 + epochs)
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: factors[epoch])
"""
LOGGERS = """from contextlib import contextmanager
from pathlib import Path

from g2p.tracking.tracker import Tracker


class Lines(Tracker):
    def __init__(self, file):
        self.file = file

    def epochs(self, rows):
        self.file.write_text(f"{len(rows)} epochs\\n")

    def result(self, metrics, figures, checkpoint):
        self.file.open("a").write(f"R2 {metrics['test']['r2_mean']}\\n")


@contextmanager
def lines(config, signature, group, *, file: str):
    yield Lines(Path(file))
"""
FILES = {
    "my_pkg/splits.py": SPLITS,
    "my_pkg/optimizers.py": OPTIMIZERS,
    "my_pkg/schedules.py": SCHEDULES,
    "my_pkg/loggers.py": LOGGERS,
    "my_conf/split/last.yaml": "name: my_pkg.splits.last\nstrains: 20\n",
    "my_conf/optim/momentum.yaml": "name: my_pkg.optimizers.momentum\nlr: 0.01\nmomentum: 0.9\n",
    "my_conf/logger/lines.yaml": "name: my_pkg.loggers.lines\nfile: lines.txt\n",
    "my_pkg/__init__.py": "",
    "my_pkg/nets.py": NETS,
    "my_pkg/parts.py": PARTS,
    "my_pkg/forms.py": FORMS,
    "my_pkg/sources.py": SOURCES,
    "my_pkg/losses.py": LOSSES,
    "my_pkg/scores.py": SCORES,
    "my_pkg/callbacks.py": CALLBACKS,
    "my_conf/model/mlp.yaml": "name: my_pkg.nets.MLP\nhidden: 8\n",
    "my_conf/model/mean.yaml": "name: my_pkg.forms.Mean\nshare: 1.0\n",
    "my_conf/data/mine.yaml": """\
name: my_pkg.sources.read_mine
file: null
strains: 80
missing: mask
""",
    "my_studies/mine.yaml": """\
question: Does a network beat the mean?
set: {data: mine}
factors:
  model: [mean, mlp]
compare: [[mean, mlp]]
phenotypes: [height]
sizes: {smoke: {}, full: {seeds: [0, 1]}}
""",
}


def write_package(folder: Path, **changes: str) -> Path:
    """Write the package, its configs and its study into a folder; return the folder.

    Args:
        folder: made where it is absent.
        changes: file name without its ending -> its text, of a file of the package.
    """
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(changes.get(file.stem, text) if name.startswith("my_pkg") else text)
    return folder
