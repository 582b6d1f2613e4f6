"""Options of several groups that exclude one another."""

from collections.abc import Mapping

from g2p.config.registry import is_baseline
from g2p.config.user_components import closed_forms_of
from g2p.core.errors import OptionError


def check_combinations(config: Mapping) -> None:
    """Refuse a config whose groups, each valid, contradict one another.

    Raises:
        OptionError: naming both options, and what to use instead.
    """
    model, transfer = config["model"]["name"], config["transfer"].get("method")
    weights = config["data"].get("weights", "none")
    if transfer == "finetuned" and is_baseline(model):
        raise OptionError(
            f"transfer.method=finetuned: model={model} has no weights to fine-tune. "
            "transfer.method may be joint or single."
        )
    if transfer and config["data"]["missing"] == "drop_strain":
        raise OptionError(
            "transfer=target hides most values of the target, and data.missing=drop_strain drops "
            "their strains. Use data.missing=mask."
        )
    if transfer == "finetuned" and "own_columns" in config["model"]:
        raise OptionError(
            f"transfer.method=finetuned: the layers of model={model} depend on the number of "
            "environments. Use transfer.method=joint."
        )
    if transfer and config["split"]["name"] == "cv2":
        raise OptionError(
            "transfer=target hides values of one phenotype, split=cv2 of all. Use one of the two."
        )
    if weights != "none" and model != "ridge" and is_baseline(model):
        raise OptionError(
            f"data.weights={weights}: model={model} takes no weights. Ridge and the models that "
            "are trained by epochs do. Use data.weights=none."
        )
    if weights != "none" and not is_baseline(model) and "lasso" in closed_forms_of(config["model"]):
        raise OptionError(
            f"data.weights={weights}: lasso, whose effects model={model} is built with, takes no "
            "weights. Use model.additive_effects=ridge, or data.weights=none."
        )
    if config["trainer"].get("schedule") and config["optim"].get("plateau_patience") is not None:
        raise OptionError(
            "trainer.schedule and optim.plateau_patience both set the learning rate. Set one of "
            "the two to null."
        )
    if config["trainer"].get("loss") == "gaussian" and model == "rijal_multienv":
        raise OptionError(
            "trainer.loss=gaussian: this model sees one environment at a time, and has no variance "
            "of each. Use loss=huber, or another model."
        )
