"""What detection found, as text for a terminal."""

from dermgan_jax.evaluation.anomaly.result import DetectionResult, DetectorResult
from dermgan_jax.statistics.intervals import Estimate

CAUTION = (
    "A score says what the model cannot draw, not that there is disease: hair, rulers, light and "
    "whoever is rare among the normal images score high too."
)


def text(found: DetectionResult) -> str:
    """Tables of all detectors, their AUROC by class, and the verdict."""
    normal = ", ".join(found.normal) or "images without a class"
    counts = ", ".join(f"{name} {count}" for name, count in found.counts.items())
    noun = found.group_noun
    lines = [
        f"{found.family}, checkpoint {found.checkpoint}; normal: {normal}; "
        f"{found.training_normal} training and {found.validation_normal} validation images",
        f"test: {found.test_normal} normal and {found.test_abnormal} abnormal images "
        f"({counts}) of {found.groups} {noun}s; 95 % intervals over {noun}s",
        "",
        *_overall(found),
        "",
        *_by_class(found),
        "",
        found.verdict(),
        CAUTION,
    ]
    if not found.localised_images:
        lines.append("note: no abnormal test image has a mask, so nothing is said of places")
    elif found.without_mask:
        lines.append(
            f"note: {found.without_mask} abnormal test images have no mask and are left out of "
            "pixel AUROC and AUPRO"
        )
    lines += [f"note: {name} is left out: {why}" for name, why in found.left_out.items()]
    if found.phantom:
        lines.append("note: the images are drawings of a program")
    return "\n".join(lines)


def _overall(found: DetectionResult) -> list[str]:
    columns = ("AUROC", "AP", "FPR@95TPR", "sensitivity", "false alarms", "pixel AUROC", "AUPRO")
    width = max(len(one.title) for one in found.detectors) + 2
    return [
        " " * width + "".join(f"{column:>22}" for column in columns),
        *(
            f"{one.title:{width}}" + "".join(f"{cell(each):>22}" for each in cells(one))
            for one in found.detectors
        ),
    ]


def _by_class(found: DetectionResult) -> list[str]:
    width = max(len(one.title) for one in found.detectors) + 2
    return [
        "AUROC against".ljust(width) + "".join(f"{name:>22}" for name in found.counts),
        *(
            f"{one.title:{width}}"
            + "".join(f"{cell(one.per_class.get(name)):>22}" for name in found.counts)
            for one in found.detectors
        ),
    ]


def cells(one: DetectorResult) -> list[Estimate | None]:
    """The columns of a detector: three scores, two rates, two of localisation."""
    scores = [
        one.scores[name]
        for name in (
            *("auroc", "average_precision", "fpr_at_95_tpr"),
            *("sensitivity", "false_alarms"),
        )
    ]
    if one.localised is None:
        return [*scores, None, None]
    return [*scores, one.localised.pixel_auroc, one.localised.aupro]


def cell(estimate: Estimate | None) -> str:
    """Such as "0.71 (0.68 … 0.74)"."""
    if estimate is None:
        return "–"
    return f"{estimate.value:.3f} ({estimate.low:.2f}…{estimate.high:.2f})"
