"""What an audit allows one to say, in words; of its stored result, so that a report says the same.

No copy among n images says only that fewer than about 3 / n of what the model makes are copies.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from dermgan_jax.statistics.intervals import clopper_pearson

FAR = 1.5  # median ratio from which synthetic images are unlike the training images
REASSURING = 0.01  # largest share of copies that "no sign of copies" may leave open


class Share(TypedDict):
    """Of synthetic images closer than the held-out rank."""

    share: float
    interval: tuple[float, float]
    nominal: float
    p_value: float
    rank: int


class Ratio(TypedDict):
    """Of the median distances, and its interval."""

    value: float
    interval: tuple[float, float]


class AuditResult(TypedDict):
    """What is read of an audit.json."""

    train: str
    fake: str
    num_train: int
    num_fake: int
    num_distinct: int
    num_held_out: int
    protocol: str
    exact_copies: int
    near_copies: int
    share: Share
    median_ratio: Ratio
    notes: list[str]
    refusal: str | None
    grouping_unknown: NotRequired[bool]
    against_own_images: NotRequired[bool]
    made_by: NotRequired[dict[str, Any] | None]
    subgroups: NotRequired[dict[str, Any] | None]
    membership: NotRequired[dict[str, Any]]


def most_copies(result: Mapping[str, Any]) -> float:
    """The largest share of copies that the audited images leave open, at 97.5 % confidence."""
    copies = result["exact_copies"] + result["near_copies"]
    return clopper_pearson(copies, result["num_distinct"])[1]


def is_unlike(result: Mapping[str, Any]) -> bool:
    """Whether the images are so far from real ones that copies cannot be expected."""
    return result["median_ratio"]["interval"][0] > FAR


def reassures(result: Mapping[str, Any]) -> bool:
    """Whether the images may be called free of copies."""
    clean = not result["refusal"] and not is_unlike(result) and most_copies(result) <= REASSURING
    clean = clean and not gives_members_away(result)
    return clean and not result.get("grouping_unknown", True)


def gives_members_away(result: Mapping[str, Any]) -> bool:
    """Whether membership inference found more than its control did."""
    found = result.get("membership")
    return found is not None and found["difference"]["interval"][0] > 0


def is_of_the_run(result: Mapping[str, Any]) -> bool:
    """Whether images were compared with those that their run learned from, as far as known."""
    return result.get("against_own_images", False)


def sentences(result: Mapping[str, Any]) -> list[str]:
    """What may be concluded, the most important first."""
    if result["refusal"]:
        return [f"memorised training images: {result['refusal']}"]
    num, most = result["num_distinct"], most_copies(result)
    found = []
    if gives_members_away(result):
        found.append(
            f"warning: no copy was found among {num} images, but samples of this recipe give away "
            "something of which images it learned from (see membership): do not call them anonymous"
        )
    if is_unlike(result):
        return [
            *found,
            "warning: the synthetic images are unlike any real one: improve the model before "
            "asking whether it memorises; that none is a copy means nothing here",
        ]
    if most > REASSURING:
        return [
            *found,
            f"warning: {num} images are too few to reassure: none is a copy, but up to {most:.1%} "
            "of what the model makes may be (95 % interval); audit 400 or more",
        ]
    if found:
        return found
    if not reassures(result):
        return [
            f"warning: no copy was found among {num} images, which does not reassure: which real "
            "images show the same lesion or patient is not known here, and where unseen ones show "
            "what training images show, the limits are too close and copies pass"
        ]
    return [
        f"no sign of memorised training images among {num}: at most {most:.2%} of what the model "
        "makes may be copies (95 % interval)"
    ]
