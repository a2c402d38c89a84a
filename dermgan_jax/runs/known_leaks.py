"""Leaks of a run's data that were found before it begins: told, and kept for its report."""

from dermgan_jax.data import leaks
from dermgan_jax.data.catalogue import Catalogue, DataConfig
from dermgan_jax.files import Path
from dermgan_jax.runs import findings


def notes(workdir: Path, data: Catalogue, data_config: DataConfig, *, keep: bool) -> list[str]:
    """What is known, as sentences; nothing is looked for, and none where nothing is known.

    Args:
      workdir: of the run.
      data, data_config: what it learns from.
      keep: whether this process writes it into the work directory.
    """
    found = leaks.find(data, data_config, search=False)
    if found is None:
        return []
    if keep:
        findings.keep(workdir, findings.LEAKS, leaks.facts(found), leaks.sheet(found, data))
    return leaks.told(found)
