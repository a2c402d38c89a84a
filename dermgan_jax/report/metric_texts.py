"""What readers are told of each metric: its names, its axis, and what it means."""

from typing import NamedTuple


class MetricText(NamedTuple):
    """Texts of one metric value.

    Attributes:
      title: full name.
      short: as it stands within a sentence.
      label: of its axis, with the unit.
      meaning: one sentence; the reader knows no metrics.
      whole: what the number is of its details, such as "average". Empty if details are something
        else, which must not be drawn on the same axis.
    """

    title: str
    short: str
    label: str
    meaning: str
    whole: str = ""


_PREPARED = {
    "": ("", ""),
    ":tf": (", as torch-fidelity", ", on images scaled as torch-fidelity does"),
    ":clean": (", as clean-fid", ", on images scaled as clean-fid does"),
}

_FID = {
    f"fid{suffix}": MetricText(
        f"Fréchet Inception distance (FID){name}",
        f"FID{suffix}",
        f"FID{suffix}",
        "How far the Inception features of synthetic images are from those of real ones, in mean "
        f"and covariance{how}; it grows as images get fewer, so compare it at equal numbers only: "
        "real against real, of as many as stated below, is too high by that.",
        "sum",
    )
    for suffix, (name, how) in _PREPARED.items()
}
_KID = {
    f"kid{suffix}": MetricText(
        f"Kernel Inception distance (KID){name}",
        f"KID{suffix}",
        f"KID{suffix}",
        f"How far the Inception features of both sides are apart{how}, without bias: whatever the "
        "number of images, its mean is the same, and 0 (or slightly below, by chance) if they are "
        "equally distributed.",
    )
    for suffix, (name, how) in _PREPARED.items()
}

METRICS = {
    "swd": MetricText(
        "Sliced Wasserstein distance (SWD)",
        "SWD",
        "SWD × 1000",
        "How far small patches of synthetic images are from patches of real ones, per scale of "
        "detail; its interval is about the random projections, real against real about the images.",
        "average",
    ),
    "diversity": MetricText(
        "Diversity of colours and shapes",
        "Diversity",
        "share of that of real images",
        "How far random pairs of synthetic images are apart, as boxes of colour, over the same of "
        "real ones: near 1 if they vary as much, 0 if the generator draws one image again and "
        "again. It says nothing about how good they are.",
    ),
    **_FID,
    **_KID,
    "inception_score": MetricText(
        "Inception score",
        "Inception score",
        "Inception score",
        "Whether images look like distinct everyday objects, and of many kinds; it knows no real "
        "images and says little about skin.",
    ),
    "precision": MetricText(
        "Precision (improved, k = 3)",
        "Precision",
        "share of synthetic images",
        "The share of synthetic images that lie among the real ones: how faithful they are.",
    ),
    "recall": MetricText(
        "Recall (improved, k = 3)",
        "Recall",
        "share of real images",
        "The share of real images that lie among the synthetic ones: how much of the variety is "
        "reached.",
    ),
    "density": MetricText(
        "Density (k = 5)",
        "Density",
        "density",
        "How densely real images surround the synthetic ones: as precision, but outliers among the "
        "real images count less; about 1 for real against real, and it may exceed 1.",
    ),
    "coverage": MetricText(
        "Coverage (k = 5)",
        "Coverage",
        "share of real images",
        "The share of real images with a synthetic one in their neighbourhood: as recall, but "
        "outliers among the synthetic images count less.",
    ),
    "mifid": MetricText(
        "Memorisation-informed FID (MiFID)",
        "MiFID",
        "MiFID",
        "FID, made larger where synthetic images nearly equal real ones.",
    ),
    "fid_inf": MetricText(
        "FID, extrapolated to endlessly many synthetic images",
        "FID∞",
        "FID∞",
        "What FID would be of endlessly many synthetic images; what the number of real ones adds "
        "is still in it.",
    ),
    "cmmd": MetricText(
        "CLIP maximum mean discrepancy (CMMD)",
        "CMMD",
        "CMMD",
        "How far the mean directions of CLIP's features of both sides are apart; nearly without "
        "bias, whatever the number of images.",
    ),
    "fd_lite0": MetricText(
        "Fréchet distance, EfficientNet-Lite0",
        "Fréchet distance (Lite0)",
        "Fréchet distance",
        "As FID, in the features of another network: not comparable with FID, and as dependent on "
        "the number of images.",
        "sum",
    ),
    "kd_lite0": MetricText(
        "Kernel distance, EfficientNet-Lite0",
        "Kernel distance (Lite0)",
        "kernel distance",
        "As KID, in the features of another network: not comparable with KID.",
    ),
    "fd_classifier": MetricText(
        "Fréchet distance, a classifier of this disease",
        "Fréchet distance (classifier)",
        "Fréchet distance",
        "As FID, in the features of a classifier that learned from images of this kind: what "
        "matters to it, rather than to a network of everyday objects.",
        "sum",
    ),
    "kd_classifier": MetricText(
        "Kernel distance, a classifier of this disease",
        "Kernel distance (classifier)",
        "kernel distance",
        "As KID, in the features of a classifier that learned from images of this kind.",
    ),
    "balanced_accuracy": MetricText(
        "Balanced accuracy",
        "Balanced accuracy",
        "mean recall",
        "The share of each class's validation images that are recognised, averaged over the "
        "classes, so that rare ones count as much as frequent ones.",
        "average",
    ),
    "accuracy": MetricText(
        "Accuracy",
        "Accuracy",
        "share of images",
        "The share of validation images whose likeliest class is the true one; frequent classes "
        "decide it.",
    ),
    "auc": MetricText(
        "Area under the ROC curve (AUC), each class against the rest",
        "AUC",
        "AUC",
        "How often an image of a class is given a higher probability of it than one of another "
        "class; 0.5 is guessing.",
        "average",
    ),
    "painted_iou": MetricText(
        "Overlap of masks and what is painted from them",
        "Overlap with masks",
        "intersection over union",
        "Whether the painted lesion lies where its mask says: overlap of the mask with the darker "
        "part of the image (Otsu's threshold). Crude on real skin with hair, vignettes or fair "
        "lesions, therefore read it beside the same of real images; dermgan judge asks a "
        "segmenter.",
    ),
    "dice": MetricText(
        "Overlap with the known masks (Dice)",
        "Dice",
        "Dice",
        "Twice the area that the found and the known mask share, over the sum of both; 1 is the "
        "same mask, 0 none in common.",
    ),
    "iou": MetricText(
        "Intersection over union with the known masks",
        "IoU",
        "intersection over union",
        "The area that the found and the known mask share, over the area that either covers.",
    ),
    "pixel_accuracy": MetricText(
        "Pixels of the right class",
        "Pixel accuracy",
        "share of pixels",
        "Background counts too, so that large backgrounds make it high.",
    ),
    "loss": MetricText(
        "Validation loss (cross entropy)",
        "Validation loss",
        "cross entropy",
        "How little probability the true class is given; plateaus of it reduce the learning rate "
        "and end training.",
    ),
    "lpips": MetricText(
        "Perceptual distance of pairs (LPIPS)",
        "LPIPS",
        "LPIPS",
        "How different each image looks from its counterpart, as judged by a network fitted to "
        "human judgements; 0 is the same image.",
    ),
    "lpips_diversity": MetricText(
        "Diversity (LPIPS between random pairs)",
        "LPIPS diversity",
        "LPIPS between pairs",
        "How different two random synthetic images look; much below that of the real images means "
        "that the model repeats itself.",
        "of synthetic images",
    ),
    "ssim": MetricText(
        "Structural similarity (SSIM)",
        "SSIM",
        "SSIM",
        "How alike each image and its counterpart are in local brightness, contrast and structure; "
        "1 is the same image.",
    ),
    "psnr": MetricText(
        "Peak signal-to-noise ratio (PSNR)",
        "PSNR",
        "PSNR (dB)",
        "How small the squared difference between each image and its counterpart is, in decibels; "
        "identical pairs are left out.",
    ),
    "psnr_y": MetricText(
        "Peak signal-to-noise ratio of the luma (PSNR-Y)",
        "PSNR-Y",
        "PSNR-Y (dB)",
        "How small the squared difference between each enlarged image and the true one is, in "
        "decibels; of the brightness, without a border as wide as the scale, as super-resolution "
        "is published. It rewards blur: a model that invents no detail scores higher.",
    ),
    "ssim_y": MetricText(
        "Structural similarity of the luma (SSIM-Y)",
        "SSIM-Y",
        "SSIM-Y",
        "How alike each enlarged image and the true one are in local brightness, contrast and "
        "structure, without a border as wide as the scale; 1 is the same image.",
    ),
    "consistency": MetricText(
        "Consistency with the small image",
        "Consistency",
        "mean absolute difference",
        "How far the enlarged image, shrunk again, is from the image that was enlarged: mean "
        "absolute difference of values from 0 to 1. What contradicts the input shows here; "
        "invented detail that the input leaves open does not.",
    ),
    "mask_agreement": MetricText(
        "Agreement of the lesion's outline (IoU)",
        "Outline agreement",
        "intersection over union",
        "Overlap of the darker parts (Otsu's threshold) of the enlarged image and of the true one; "
        "1 if the lesion keeps its outline.",
    ),
    "reconstruction_error": MetricText(
        "Error of reconstructing normal images",
        "Reconstruction error",
        "mean squared error",
        "How far normal images are from the nearest normal ones that the model can draw: mean "
        "squared difference of values from −1 to 1. It chooses the best checkpoint, because it "
        "looks at no abnormal image.",
    ),
    "spread": MetricText(
        "Spread of the reconstructions",
        "Spread",
        "share of that of the images",
        "How much reconstructions of normal images differ from one another, as a share of how much "
        "the images do. Near 0 the model gives every image the same reconstruction, and its score "
        "is a distance to one mean image.",
    ),
    "auroc": MetricText(
        "Area under the ROC curve (AUROC)",
        "AUROC",
        "AUROC",
        "How often an abnormal image scores higher than a normal one; 0.5 is chance.",
    ),
    "average_precision": MetricText(
        "Average precision",
        "Average precision",
        "average precision",
        "Mean share of the truly abnormal among the images called abnormal, over all thresholds; "
        "by chance the share of abnormal images.",
    ),
    "fpr_at_95_tpr": MetricText(
        "False-positive rate at 95 % sensitivity",
        "FPR at 95 % TPR",
        "share of normal images",
        "How many normal images are called abnormal where 95 % of the abnormal ones are found.",
    ),
    "cycle_error": MetricText(
        "Cycle error",
        "Cycle error",
        "mean absolute difference",
        "How far an image is from the original after being translated there and back: mean "
        "absolute difference of values from −1 to 1. It says that the way back was found, not that "
        "the translation is right: 0 if images are left as they are.",
    ),
    "mask_iou": MetricText(
        "Overlap of the lesion's outline (mask IoU)",
        "Mask IoU",
        "intersection over union",
        "Whether the lesion stays where it was: overlap of its known outline with the darker part "
        "of the translated image (Otsu's threshold). Crude on real skin with hair, vignettes or "
        "fair lesions, therefore read it beside the image left as it is: only the fall from there "
        "is the translation's doing.",
    ),
}


# Of values that are taken in any feature space, by what stands before ":SPACE".
IN_SPACES = {
    "fd": MetricText(
        "Fréchet distance",
        "Fréchet distance",
        "Fréchet distance",
        "As FID, in the features of another network: not comparable with FID, and as dependent on "
        "the number of images.",
        "sum",
    ),
    "kd": MetricText(
        "Kernel distance",
        "Kernel distance",
        "kernel distance",
        "As KID, in the features of another network: not comparable with KID.",
    ),
    "mmd": MetricText(
        "Maximum mean discrepancy of features of unit length",
        "MMD",
        "MMD × 1000",
        "How far the mean directions of the features of both sides are apart; on CLIP's features "
        "it is called CMMD.",
    ),
    "vendi": MetricText(
        "Vendi score",
        "Vendi score",
        "images, in effect",
        "How many different images there are, in effect: compare it with that of as many real "
        "ones. It says nothing about how good they are.",
    ),
    "rarity": MetricText(
        "Rarity score",
        "Rarity",
        "distance of features",
        "How rare the real images are that synthetic ones resemble, of those that resemble any.",
    ),
    "mifd": MetricText(
        "Memorisation-informed Fréchet distance",
        "Fréchet distance (memorisation)",
        "Fréchet distance",
        "The Fréchet distance, made larger where synthetic images nearly equal real ones.",
    ),
    "fd_inf": MetricText(
        "Fréchet distance, extrapolated",
        "Fréchet distance (n → ∞)",
        "Fréchet distance",
        "What the Fréchet distance would be of endlessly many synthetic images; what the number of "
        "real ones adds is still in it.",
    ),
}
SPACES = {
    "inception": "Inception",
    "lite0": "EfficientNet-Lite0",
    "pixels": "small pictures",
    "dinov2_s14": "DINOv2 ViT-S/14",
    "dinov2_b14": "DINOv2 ViT-B/14",
    "dinov2_l14": "DINOv2 ViT-L/14",
    "clip_l14_336": "CLIP ViT-L/14@336",
    "rad_dino": "RAD-DINO",
}


def of(name: str) -> MetricText:
    """Texts of a metric; its bare name for one that nothing is known of."""
    if name in METRICS:
        return METRICS[name]
    value, colon, space = name.partition(":")
    text = IN_SPACES.get(value) or METRICS.get(value)
    if not colon or text is None:
        return MetricText(name, name, name, "")
    where = SPACES.get(space, space)
    if value in ("precision", "recall"):  # prdc's k, or that of pr
        text = text._replace(title=text.short)
    return text._replace(title=f"{text.title}, {where}", short=f"{text.short} ({where})")
