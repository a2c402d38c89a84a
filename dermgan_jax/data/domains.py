"""Two domains, between which a translation is learnt: what belongs to which, and who are partners.

An experiment names its domains in `data.domain_a` and `data.domain_b`: kinds of picture
(`Record.domain`) or classes. In arrays they are "a" and "b".
"""

from collections.abc import Sequence

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.records import Record

DataConfig = ConfigDict | FrozenConfigDict
DOMAINS = ("a", "b")
EXAMPLES = 3  # ids that a message names


def assign(
    records: Sequence[Record], classes: Sequence[str], data_config: DataConfig
) -> np.ndarray:
    """The domain of each record: str (N,), "a", "b", or "" for none.

    Args:
      records: of the whole data set.
      classes: which their labels index.
      data_config: `config.data`; reads domain_a and domain_b. If both are empty, so is the result.

    Raises:
      DataError: if a name is unknown or a record is in both domains.
    """
    named = [tuple(data_config.domain_a), tuple(data_config.domain_b)]
    kinds = tuple(sorted({record.domain for record in records if record.domain}))
    known = (*kinds, *classes)
    faults = [
        Fault(
            "unknown domains",
            f"data.domain_{domain} names {name!r}, which is no kind of picture and no class of the "
            f"data set{registry.did_you_mean(name, known) if known else ', which has neither'}",
        )
        for domain, names in zip(DOMAINS, named, strict=True)
        for name in names
        if name not in known
    ]
    if faults:
        raise DataError(faults)
    members = np.zeros((2, len(records)), bool)
    for row, record in enumerate(records):
        names_of_record = {record.domain, *classes[max(record.label, 0) : record.label + 1]}
        members[:, row] = [not names_of_record.isdisjoint(names) for names in named]
    both = np.flatnonzero(members.all(0))
    if len(both):
        a, b = (", ".join(names) for names in named)
        raise _error(
            "overlapping domains",
            f"{len(both)} images are in domain A ({a}) as well as in B ({b}), "
            f"such as {_examples([records[row].id for row in both])}: name kinds that exclude each "
            "other in data.domain_a and data.domain_b",
        )
    return np.where(members[0], "a", np.where(members[1], "b", ""))


def require_complete(
    records: Sequence[Record], domains: np.ndarray, splits: np.ndarray, data_config: DataConfig
) -> None:
    """Checks that there are images in both domains and, if `data.paired`, partners for all.

    Args:
      records: N, those kept.
      domains: str (N,), what `assign` gave them.
      splits: str (N,).
      data_config: `config.data`; reads domain_a, domain_b and paired.

    Raises:
      DataError: naming each fault.
    """
    faults = []
    for domain in DOMAINS:
        names = tuple(data_config[f"domain_{domain}"])
        if names and not (domains == domain).any():
            faults.append(
                Fault(
                    "empty domains",
                    f"domain {domain.upper()} ({', '.join(names)}) has no images: see "
                    f"data.domain_{domain}, data.classes and data.num_images",
                )
            )
    if data_config.paired and not faults:
        faults += _pair_faults(records, domains, splits)
    if faults:
        raise DataError(faults)


def pairs(
    records: Sequence[Record], domains: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of domain A whose partner is among `rows` too, and the partners.

    Of several possible partners the first counts.

    Args:
      records: N.
      domains: str (N,), "a", "b" or "".
      rows: int (n,), ascending.

    Returns:
      Two of int64 (number of pairs,), the first ascending.
    """
    members = _members(records, domains, rows)
    whole = [found for found in members.values() if found["a"] and found["b"]]
    first = {
        domain: np.asarray([found[domain][0] for found in whole], np.int64) for domain in DOMAINS
    }
    order = np.argsort(first["a"])
    return first["a"][order], first["b"][order]


def _members(
    records: Sequence[Record], domains: np.ndarray, rows: Sequence[int]
) -> dict[str, dict[str, list[int]]]:
    """Pair -> domain -> rows."""
    members: dict[str, dict[str, list[int]]] = {}
    for row in rows:
        if records[row].pair and domains[row]:
            of_pair = members.setdefault(records[row].pair, {domain: [] for domain in DOMAINS})
            of_pair[str(domains[row])].append(int(row))
    return members


def _pair_faults(records: Sequence[Record], domains: np.ndarray, splits: np.ndarray) -> list[Fault]:
    alone = [record.id for record in records if not record.pair]
    crowded, divided = [], []
    for pair, found in _members(records, domains, range(len(records))).items():
        rows = found["a"] + found["b"]
        if not (found["a"] and found["b"]):
            alone += [records[row].id for row in rows]
        elif len(rows) > 2:
            crowded.append(pair)
        elif len(set(splits[rows])) > 1:
            divided.append(pair)
    faults = []
    for kind, names, message in (
        (
            "images without a partner",
            alone,
            "images have no partner in the other domain, such as {}: add the partners, remove the "
            "images, or set data.paired=False",
        ),
        (
            "pairs of more than two images",
            crowded,
            "pairs have more than one image in a domain, such as {}: keep one",
        ),
        (
            "pairs in two splits",
            divided,
            "pairs have their images in different splits, such as {}: keep them in one",
        ),
    ):
        if names:
            faults.append(Fault(kind, f"{len(names)} {message.format(_examples(names))}"))
    return faults


def _examples(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names)[:EXAMPLES])


def _error(kind: str, message: str) -> DataError:
    return DataError([Fault(kind, message)])
