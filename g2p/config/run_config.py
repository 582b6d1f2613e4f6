"""The config of one run: frozen, with an attribute for each option.

    config.trainer.devices, config.model.name, config.model.is_trained, config.paths.runs

Each section is a frozen dataclass, made from the options that its choice declares. Their one home
is the signature of what takes them (`g2p.config.registry`), so nothing here has to be kept in step.
A section, and the config, is also a read-only mapping, for users: `config["model"]["name"]`. g2p
itself reads attributes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field, make_dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from g2p.config.locate import is_dotted
from g2p.config.registry import GROUPS, PRESETS, choice_options, choices, is_baseline
from g2p.config.schema import PATHS, TOP_LEVEL, inapplicable_keys
from g2p.core.errors import G2PError, OptionError


class Section(Mapping[str, Any]):
    """One section of a config: an attribute for each key, in the order of its YAML."""

    if TYPE_CHECKING:  # what its attributes are is read from a signature
        __dataclass_fields__: ClassVar[dict[str, Any]]

        def __getattr__(self, name: str) -> Any: ...

    def __getitem__(self, key: str) -> Any:
        if key not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)

    def __repr__(self) -> str:
        return self._text

    def __reduce__(self):
        return _build, (type(self).__bases__[0], type(self).__name__, dict(self))

    @cached_property
    def _text(self) -> str:
        # Made once: what is computed once for runs that share a section has it as its key.
        values = ", ".join(f"{key}={value!r}" for key, value in self.items())
        return f"{type(self).__name__}({values})"

    @property
    def options(self) -> dict[str, Any]:
        """The keys but `name`: the keyword arguments of what the choice names."""
        return {key: value for key, value in self.items() if key != "name"}

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts."""
        return {
            key: value.to_dict() if isinstance(value, Section) else value
            for key, value in self.items()
        }


class ModelSection(Section):
    """The section of the model, and what its name says."""

    name: str

    @property
    def is_trained(self) -> bool:
        """Whether the model is trained by epochs; else it is fitted in closed form, a baseline.

        Raises:
            CodeError: when it is the user's own and cannot be found.
        """
        return not is_baseline(self.name)


class RunConfig(Section):
    """A resolved config: the sections and keys of conf/config.yaml."""

    phenotype: str | list[str]
    seed: int
    force: bool
    paths: Section
    data: Section
    qc: Section
    split: Section
    transfer: Section
    model: ModelSection
    optim: Section
    trainer: Section
    logger: Section

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Return a config, such as plain dicts, in this form; of an earlier version, as it is.

        Raises:
            OptionError: for a key that cannot be an attribute.
        """
        if isinstance(config, cls):
            return config
        return _build(cls, "RunConfig", {key: _section(key, config[key]) for key in config})

    def with_effect(self) -> dict[str, Any]:
        """Return the config as plain dicts, without the keys that change nothing in it."""
        idle = inapplicable_keys(self)
        return {
            group: {key: each for key, each in value.items() if f"{group}.{key}" not in idle}
            if isinstance(value, dict) else value
            for group, value in self.to_dict().items()
        }  # fmt: skip

    def replace(self, **changes: Any) -> Self:
        """Return the config with other sections or keys; the rest is shared, not copied."""
        return type(self).of({**self, **changes})

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """Return the config with these values changed, by their dotted keys."""
        changes: dict[str, Any] = {}
        for key, value in values.items():
            first, *path = key.split(".")
            changes[first] = _replaced(changes.get(first, self.get(first)), path, value)
        return self.replace(**changes)


def _replaced(section: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    values = dict(section) if isinstance(section, Mapping) else {}
    return {**values, path[0]: _replaced(values.get(path[0]), path[1:], value)}


def _section(key: str, value: Any) -> Any:
    """Return a value of the config: a mapping becomes a section, anything else stays."""
    if not isinstance(value, Mapping) or isinstance(value, Section):
        return value
    base = ModelSection if key == "model" else Section
    return _build(base, key, {name: _section(f"{key}_{name}", value[name]) for name in value})


def _build(base: type[Section], label: str, values: dict[str, Any]) -> Any:
    name = values.get("name")
    return _class(base, label, name if isinstance(name, str) else None, tuple(values))(**values)


@cache
def _class(base: type[Section], label: str, choice: str | None, keys: tuple[str, ...]) -> type:
    """Return the frozen dataclass of a section with these keys."""
    for key in keys:
        if hasattr(base, str(key)) or not str(key).isidentifier():
            raise OptionError(f"{label}: an option cannot be called {key!r}. Rename it.")
    types = _types(label, choice)
    specs = [(key, types.get(key, Any), field()) for key in keys]
    return make_dataclass(label, specs, bases=(base,), frozen=True, eq=False, repr=False)


def _types(label: str, choice: str | None) -> dict[str, Any]:
    """Return the types of a section's keys, as far as they are declared."""
    options = {"paths": PATHS, "RunConfig": TOP_LEVEL}.get(label, {})
    if label in PRESETS or (label in GROUPS and (choice in choices(label) or is_dotted(choice))):
        try:
            options = choice_options(label, choice)
        except G2PError:  # code of a user's own that is not here
            options = {}
    return {name: option.type for name, option in options.items()}
