"""The rules of a study, `when`: overrides of some of its points, and points that are dropped."""

from collections.abc import Mapping

from g2p.core.errors import OptionError
from g2p.core.phrases import listed, nearest
from g2p.study.factors import factor_values


def check_rules(name: str, rules: list, factors: Mapping, size_factors: list[Mapping]) -> None:
    """Refuse a condition on a factor or label that no size of the study has."""
    for rule in rules:
        for factor, rule_labels in rule["if"].items():
            if factor not in factors:
                raise OptionError(
                    f"study={name}: when names {factor}, which is not one of its factors "
                    f"({listed(factors)}).{nearest(str(factor), factors)}"
                )
            labels = [*factors[factor]]
            for spec in size_factors:
                labels += factor_values(factor, spec[factor]) if factor in spec else []
            for label in rule_labels if isinstance(rule_labels, list) else [rule_labels]:
                if label not in labels:
                    raise OptionError(
                        f"study={name}: when names {factor}={label!r}, which the study does not "
                        f"have.{nearest(str(label), map(str, labels))} "
                        f"It has: {listed(map(str, dict.fromkeys(labels)))}."
                    )


def rule_overrides(factors: Mapping, rules: list[Mapping]) -> dict | None:
    """Return the overrides of the rules that apply to a point; None when one drops it.

    Args:
        factors: factor -> value, of the point.
        rules: of the study.
    """
    overrides = {}
    for rule in rules:
        rule_labels = {k: v if isinstance(v, list) else [v] for k, v in rule["if"].items()}
        if all(factors.get(key) in values for key, values in rule_labels.items()):
            if rule.get("drop"):
                return None
            overrides |= rule["set"]
    return overrides
