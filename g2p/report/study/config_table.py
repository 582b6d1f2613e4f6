"""What differs between the configs of a study's runs, as a piece of its report."""

from collections.abc import Mapping, Sequence

from g2p.core.formatting import label
from g2p.core.nested import flatten
from g2p.report.study.page import Block, Paragraph, Table
from g2p.report.study.results_view import StudyData

# Groups that change no result: the folders of files, and what is logged.
FREE_GROUPS = ("paths", "logger", "force")
MOST_VALUES = 6  # of a key in one cell


def config_table(data: StudyData, configs: Mapping[str, Mapping]) -> list[Block]:
    """The keys in which arms differ, and in a sentence those that vary in every arm alike."""
    values = _values_by_arm(data, configs)
    keys = list(dict.fromkeys(key for by_key in values.values() for key in by_key))
    sets = {key: [frozenset(by_key.get(key, ())) for by_key in values.values()] for key in keys}
    differing = [key for key in keys if len(set(sets[key])) > 1]
    alike = [key for key in keys if len(set(sets[key])) == 1 and len(sets[key][0]) > 1]
    parts: list[Block] = []
    if differing:
        parts += _table(data.arm, values, differing)
    if alike:
        first = next(iter(values.values()))
        varied = "; ".join(f"{key}: {_cell(first[key])}" for key in alike)
        where = "every arm alike" if len(values) > 1 else "the only arm"
        parts.append(Paragraph(f"Varied in {where}: {varied}."))
    return parts


def _values_by_arm(
    data: StudyData, configs: Mapping[str, Mapping]
) -> dict[str, dict[str, list[str]]]:
    """Arm -> key -> the different values of its runs, as text; without arms that have no config."""
    values: dict[str, dict[str, list[str]]] = {}
    for run in data.runs:
        for key, value in flatten(configs.get(run.key, {})).items():
            if key.partition(".")[0] not in FREE_GROUPS:
                texts = values.setdefault(run.arm, {}).setdefault(key, [])
                if label(value) not in texts:
                    texts.append(label(value))
    return values


def _table(arm: str, values: Mapping[str, Mapping[str, list]], keys: Sequence[str]) -> list[Block]:
    """Arms down and keys across, or the other way round where there are more keys than arms."""
    arms = list(values)
    cells = {(a, key): _cell(values[a].get(key, [])) for a in arms for key in keys}
    # An arm is compared with the one before it: in a ladder this is a step.
    steps = {
        (b, key)
        for a, b in zip(arms, arms[1:], strict=False)
        for key in keys
        if cells[a, key] != cells[b, key]
    }
    if len(keys) > len(arms):
        columns = [f"key \\ {arm}", *arms]
        rows = [[key, *(cells[a, key] for a in arms)] for key in keys]
        changed = [(keys.index(key), arms.index(a) + 1) for a, key in steps]
    else:
        columns = [arm, *keys]
        rows = [[a, *(cells[a, key] for key in keys)] for a in arms]
        changed = [(arms.index(a), keys.index(key) + 1) for a, key in steps]
    note = (
        "Only keys that differ between arms; highlighted where an arm differs from the one before."
    )
    return [Paragraph(note), Table("configs", columns, rows, changed=frozenset(changed))]


def _cell(values: Sequence[str]) -> str:
    if len(values) > MOST_VALUES:
        return f"{len(values)} values, {values[0]} to {values[-1]}"
    return ", ".join(values) or "–"
