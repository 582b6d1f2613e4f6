"""Whether a device computes what the CPU does in float64: networks, stacks and resumed fits."""

import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.without_hydra import config, random_data, request
from g2p.data.batches import Batch
from g2p.models import build_model
from g2p.training.fit import fit_model
from g2p.training.loss import masked_mse
from g2p.training.packed.fit import fit_packed
from g2p.training.packed.flat_parameters import flatten_parameters
from g2p.training.packed.stacked import StackedModels
from g2p.training.packed.vmap_rules import MemberGenerator

# Smaller than in conf/, so that the CPU is done in time; each with what it has of these.
SMALL = {"num_layers": 2, "embedding_dim": 16, "num_heads": 2, "ffn_dim": 32}
NETWORKS = ("rijal_attention", "rijal_multienv", "pooled_attention", "transformer", "rung")
LOCI, STRAINS, PHENOTYPES, MEMBERS = 64, 48, 3, 3


def relative(computed: Tensor, reference: Tensor) -> float:
    """The norm of the difference over that of the reference; infinite where anything is NaN."""
    computed, reference = computed.detach().double().cpu(), reference.detach().double().cpu()
    error = ((computed - reference).norm() / reference.norm()).item()
    return error if error == error else float("inf")


def small_network(name: str, seed: int = 0) -> nn.Module:
    options = config(name).model.to_dict()
    options |= {key: value for key, value in SMALL.items() if key in options}
    torch.manual_seed(seed)
    genome = torch.stack([torch.zeros(LOCI), torch.arange(LOCI)], dim=1)
    phenotypes = 1 if name == "rijal_attention" else PHENOTYPES
    return build_model(options, n_loci=LOCI, n_phenotypes=phenotypes, genome_L2=genome)


def batch_for(model: nn.Module, seed: int = 0) -> Batch:
    """A batch of random strains on the CPU, of the model's precision."""
    torch.manual_seed(seed)
    parameter = next(model.parameters())
    genotype = torch.randint(0, 2, (STRAINS, LOCI)).to(parameter) * 2 - 1
    with torch.no_grad():
        phenotype = torch.randn(STRAINS, model(genotype).shape[1]).to(parameter)
    return Batch(genotype, phenotype, torch.tensor(phenotype.numel()))


def gradient(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Predictions, and the gradient of the loss as one vector."""
    predicted = model(batch.genotype_BL)
    masked_mse(predicted, batch.phenotype_BP, batch.n_observed).backward()
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters()]
    return predicted, torch.cat([part.flatten() for part in parts])


def to(batch: Batch, *where) -> Batch:
    return Batch(*(tensor if tensor is None else tensor.to(*where) for tensor in batch))


def network_error(name: str, device: str, *, bf16: bool) -> float:
    """The larger relative error of predictions and gradient, against the CPU in float64."""
    double = small_network(name).double()
    batch = batch_for(double)
    reference = gradient(double, batch)
    model = small_network(name).to(device)
    on_device = Batch(
        batch.genotype_BL.float().to(device), batch.phenotype_BP.float().to(device),
        batch.n_observed.to(device),
    )  # fmt: skip
    with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bf16):
        computed = gradient(model, on_device)
    return max(relative(one, other) for one, other in zip(computed, reference, strict=True))


def stack_error(name: str, device: str) -> float:
    """The largest relative error of a member's gradient in a stack against the member's alone."""
    models = [small_network(name, seed).to(device) for seed in range(MEMBERS)]
    batches = [to(batch_for(small_network(name), seed), device) for seed in range(MEMBERS)]
    alone = [gradient(model, batch)[1] for model, batch in zip(models, batches, strict=True)]
    for model in models:
        model.zero_grad(set_to_none=True)
    flat = [flatten_parameters(model) for model in models]
    stack = StackedModels(models, flat, [MemberGenerator(torch.device(device)) for _ in models])
    stack.learn(batches, torch.autocast(torch.device(device).type, enabled=False))
    return max(relative(one.grad, other) for one, other in zip(flat, alone, strict=True))


def resume_error(device: str, *, packed: bool) -> float:
    """The largest difference of a prediction between a fit that was killed and one that was not."""
    options = {"trainer__accelerator": device, "trainer__patience": None, **{
        f"model__{key}": value for key, value in SMALL.items()
    }}  # fmt: skip
    data = random_data(10 * STRAINS, LOCI, PHENOTYPES)

    def fit(epochs: int, folder: Path):
        configs = [
            config("transformer", seed=seed, trainer__max_epochs=epochs, **options)
            for seed in range(MEMBERS if packed else 1)
        ]
        requests = [request(one, data, folder / str(i)) for i, one in enumerate(configs)]
        if not packed:
            return [fit_model(*requests[0])]
        fits = dict(fit_packed(requests))
        for result in fits.values():
            if isinstance(result, Exception):
                raise result
        return [fits[i] for i in range(len(configs))]

    with tempfile.TemporaryDirectory() as scratch:
        whole = fit(4, Path(scratch, "whole"))
        fit(2, Path(scratch, "broken"))
        resumed = fit(4, Path(scratch, "broken"))
    return max(
        float(abs(one.predict(data.genotypes) - other.predict(data.genotypes)).max())
        for one, other in zip(whole, resumed, strict=True)
    )
