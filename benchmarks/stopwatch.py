"""Seconds of training steps on a device, synchronised."""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.architectures import build
from g2p.data.batches import Batch, Batches
from g2p.training.loss import masked_mse
from g2p.training.packed.flat_parameters import flatten_parameters
from g2p.training.packed.stacked import StackedModels
from g2p.training.packed.vmap_rules import MemberGenerator

CHAIN = 32


def _chained(x: Tensor) -> Tensor:
    """Apply CHAIN exponentials to each number, one after another, in one kernel."""
    for _ in range(CHAIN):
        x = torch.exp(-x)
    return x


class Stopwatch:
    """Times calls on a device, and waits for it before and after each."""

    def __init__(self, name: str, bf16: bool, seconds: float):
        self.name, self.bf16, self.seconds = name, bf16, seconds

    def time(self, step: Callable[[], None]) -> float:
        """Return the shortest of as many calls as fit into the time, after one that warms up."""
        times, until = [], 0.0
        while len(times) < 2 or time.perf_counter() < until:
            self._wait()
            started = time.perf_counter()
            step()
            self._wait()
            times.append(time.perf_counter() - started)
            until = until or time.perf_counter() + self.seconds
        return min(times[1:])

    def _wait(self) -> None:
        if self.name == "cuda":
            torch.cuda.synchronize()

    def ceilings(self, n: int | None = None) -> dict[str, float]:
        """Measure matrix products' FLOPs and exponentials a second, of matrices of n rows."""
        n = n or (8192 if self.name == "cuda" else 2048)
        number = torch.bfloat16 if self.bf16 else torch.float32
        a = torch.randn(n, n, device=self.name, dtype=number)
        x = torch.randn(64 * n, 64, device=self.name)
        y = torch.empty_like(x)
        exponentials = x.numel() / self.time(lambda: torch.exp(x, out=y))
        if self.name == "cuda":  # there this would measure memory
            chained = torch.compile(_chained)
            exponentials = CHAIN * x.numel() / self.time(lambda: chained(x))
        return {
            "flops": 2 * n**3 / self.time(lambda: torch.mm(a, a)),
            "exponentials": exponentials,
        }

    def autocast(self):
        return torch.autocast(self.name, torch.bfloat16, enabled=self.bf16)

    def step(self, model: nn.Module, forward: Callable, batch: int, loci: int) -> float:
        """Return the seconds of a training step."""
        one = self._batch(batch, loci, model)
        train = self._training(model, forward)
        return self.time(lambda: train(*one))

    def epoch(self, model: nn.Module, batch_size: int, loci: int, strains: int) -> float:
        """Return the seconds of an epoch of a model of one phenotype.

        Shuffled batches of strains that are on the device.
        """
        genotype = torch.randint(0, 2, (strains, loci), dtype=torch.int8) * 2 - 1
        phenotype, rows = torch.randn(strains, 1), torch.arange(strains)
        on_device = (tensor.to(self.name) for tensor in (genotype, phenotype, rows))
        batches = Batches(*on_device, batch_size=batch_size, seed=0)
        train = self._training(model.to(self.name), model)

        def epoch() -> None:
            for batch in batches:
                train(batch.genotype_BL, batch.phenotype_BP, batch.n_observed)

        return self.time(epoch)

    def _training(self, model: nn.Module, forward: Callable) -> Callable[..., None]:
        """Return a step on a batch: genotypes, phenotypes and the number of observed phenotypes."""
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

        def train(genotype: Tensor, phenotype: Tensor, n: Tensor) -> None:
            optimizer.zero_grad()
            with self.autocast():
                loss = masked_mse(forward(genotype), phenotype, n)
            loss.backward()
            optimizer.step()

        return train

    def packed_step(self, members: int, batch: int, loci: int) -> float:
        """Return the seconds of one step of that many Rijal models, stacked."""
        models = [build("rijal_attention", loci, 13).to(self.name) for _ in range(members)]
        flat = [flatten_parameters(model) for model in models]
        optimizers = [torch.optim.Adam([one], lr=1e-3, fused=True) for one in flat]
        generators = [MemberGenerator(torch.device(self.name)) for _ in models]
        stack = StackedModels(models, flat, generators)
        batches = [Batch(*self._batch(batch, loci, models[0]))] * members

        def step() -> None:
            stack.learn(batches, self.autocast())
            for optimizer in optimizers:
                optimizer.step()

        return self.time(step)

    def _batch(self, batch: int, loci: int, model: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
        torch.manual_seed(0)
        genotype = torch.randint(0, 2, (batch, loci)) * 2.0 - 1
        with torch.no_grad():
            width = model.to(self.name)(genotype[:1].to(self.name)).shape[1]
        phenotype = torch.randn(batch, width)
        return tuple(
            t.to(self.name) for t in (genotype, phenotype, torch.tensor(phenotype.numel()))
        )
