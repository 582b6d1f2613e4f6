"""What differs between the configs of a study's runs, as a piece of its report."""

from collections.abc import Mapping, Sequence

from g2p.core.formatting import label
from g2p.report.study import html as page
from g2p.report.study.results_view import StudyData

# Where files lie and what is logged changes no result.
FREE = ("paths", "logger", "force")
MOST_VALUES = 6  # of a key in one cell


def config_table(data: StudyData, configs: Mapping[str, Mapping]) -> str:
    """The keys in which arms differ, and in a sentence those that vary in every arm alike."""
    values: dict[str, dict[str, list[str]]] = {}  # arm -> key -> different values
    for run in data.runs:
        own = values.setdefault(run.arm, {})
        for key, value in _flat(configs.get(run.key, {})).items():
            known = own.setdefault(key, [])
            if value not in known:
                known.append(value)
    values = {arm: own for arm, own in values.items() if own}
    keys = list(dict.fromkeys(key for own in values.values() for key in own))
    sets = {key: [frozenset(own.get(key, ())) for own in values.values()] for key in keys}
    differing = [key for key in keys if len(set(sets[key])) > 1]
    alike = [key for key in keys if len(set(sets[key])) == 1 and len(sets[key][0]) > 1]
    parts = []
    if differing:
        parts.append(_table(data.arm, values, differing))
    if alike:
        first = next(iter(values.values()))
        told = "; ".join(f"{key}: {_cell(first[key])}" for key in alike)
        every = "every arm alike" if len(values) > 1 else "the one arm"
        parts.append(page.paragraph(f"Varied in {every}: {told}."))
    return "".join(parts)


def _table(arm: str, values: Mapping[str, Mapping[str, list]], keys: Sequence[str]) -> str:
    """Arms down and keys across, or the other way round where there are more keys than arms."""
    arms = list(values)
    cells = {(a, key): _cell(values[a].get(key, [])) for a in arms for key in keys}
    # Each arm beside the one before it: in a ladder these are its steps.
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
    note = "Only what differs between arms; set off where it differs from the arm before."
    return page.paragraph(note) + page.table("configs", columns, rows, changed=changed)


def _cell(values: Sequence[str]) -> str:
    if len(values) > MOST_VALUES:
        return f"{len(values)} values, {values[0]} to {values[-1]}"
    return ", ".join(values) or "–"


def _flat(config: Mapping, above: str = "") -> dict[str, str]:
    """`model.num_layers` -> its value as text."""
    flat = {}
    for key, value in config.items():
        if not above and key in FREE:
            continue
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = label(value)
    return flat
