"""Every field of a configuration: its value, the values it may have, and what it means.

What a field means is the comment beside or above it where it is declared.
"""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import config_bounds, registry

_FIELD = re.compile(r'\s*"(\w+)": (?P<value>[^#]*)(?:# (?P<comment>.*))?')
_GROUP, _CLOSED = re.compile(r'\s*"(\w+)": \{\s*'), re.compile(r"\s*\},?")
_COMMENT = re.compile(r"\s*# (.*)")


class Field(NamedTuple):
    """One field.

    Attributes:
      key: such as "optimizers.g.b1".
      value: in the experiment that is described.
      bounds: of numbers, in the notation of intervals; "" of anything else.
      meaning: in words; "" where the name says it.
    """

    key: str
    value: Any
    bounds: str
    meaning: str


def fields(config: Mapping[str, Any]) -> list[Field]:
    """The fields of an experiment, by key."""
    family = registry.load("model", config["model"]["name"])
    modules = {inspect.getmodule(base) for base in family.__mro__ if base is not object}
    imported = {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.ismodule(value) and value.__name__.startswith("dermgan_jax.models.")
    }
    told: dict[str, str] = {}
    for source in (*sorted(modules | imported, key=lambda module: module.__name__), family):
        comments = _comments(inspect.getsource(source))
        told |= {key.rpartition(".")[2]: meaning for key, meaning in comments.items()}
    common = _comments(inspect.getsource(config_schema.experiment))
    known = config_bounds.with_own(family.bounds)
    found = []
    for key, value in sorted(config_schema.flatten(config).items()):
        bounds = config_bounds.bounds_of(key, known) if _is_number(value) else None
        own = told.get(key.rpartition(".")[2], "") if key.startswith("model.") else ""
        found.append(Field(key, value, bounds or "", common.get(key, own)))
    return found


def _is_number(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_is_number, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comments(source: str) -> dict[str, str]:
    """Key of a field -> the comment on its line, or the lines of comment above it."""
    found: dict[str, str] = {}
    groups: list[str] = []
    above: list[str] = []
    for line in source.splitlines():
        if match := _COMMENT.fullmatch(line):
            above.append(match[1])
            continue
        if match := _GROUP.fullmatch(line):
            groups.append(match[1])
        elif _CLOSED.fullmatch(line) and groups:
            groups.pop()
        elif match := _FIELD.match(line):
            meaning = match["comment"] or " ".join(above)
            if meaning:
                found.setdefault(".".join((*groups, match[1])), meaning)
        above = []
    return found


def text(config: ConfigDict) -> str:
    """The fields of an experiment, two lines each at most."""
    lines = []
    for field in fields(config):
        bounds = f"  {field.bounds}" if field.bounds else ""
        lines.append(f"{field.key} = {field.value!r}{bounds}")
        if field.meaning:
            lines.append(f"    {field.meaning}")
    return "\n".join(lines)


def page() -> str:
    """docs/configuration.md: the fields that all families have, then each family's own."""
    names = registry.names("model")
    experiments = {name: config_schema.experiment(name) for name in names}
    first = fields(experiments[names[0]])
    parts = [_BEGINNING, _table(each for each in first if not each.key.startswith(_OWN))]
    for name, experiment in experiments.items():
        own = [each for each in fields(experiment) if each.key.startswith(_OWN)]
        parts += [f"## {name}", _table(each for each in own if each.key != "model.name")]
    return "\n\n".join(parts) + "\n"


_OWN = ("model.", "optimizers.")
_BEGINNING = """# Fields of a configuration

`dermgan check --config=NAME --fields` prints the fields of a configuration with its values;
`--config.KEY=VALUE` sets one. Numbers lie in the intervals that are shown, never at infinity or
NaN; anything else is refused before anything is written. Defaults here are those of
`config.experiment(FAMILY)`, which the files in `configs/` change; families may have other defaults
for fields of the first table. This page is made by
`python -c "from dermgan_jax import config_fields as f; print(f.page(), end='')"`.

## Every experiment"""


def _table(found: Iterable[Field]) -> str:
    rows = [
        f"| `{each.key}` | `{each.value!r}` | {each.bounds} | {each.meaning.replace('|', '/')} |"
        for each in found
    ]
    return "\n".join(["| field | default | numbers | |", "| --- | --- | --- | --- |", *rows])
