"""Names of the exchangeable parts, and where each lives. Parts are imported when asked for.

A new part is a file and a line here.
"""

import difflib
import importlib
from typing import Any

from dermgan_jax.errors import UserError

REGISTRY = {
    "command": {
        "train": "dermgan_jax.commands.train:COMMAND",
        "check": "dermgan_jax.commands.check:COMMAND",
        "plan": "dermgan_jax.commands.plan:COMMAND",
        "prepare": "dermgan_jax.commands.prepare:COMMAND",
        "generate": "dermgan_jax.commands.generate:COMMAND",
        "translate": "dermgan_jax.commands.translate:COMMAND",
        "upscale": "dermgan_jax.commands.upscale:COMMAND",
        "interpolate": "dermgan_jax.commands.interpolate:COMMAND",
        "mix": "dermgan_jax.commands.mix:COMMAND",
        "project": "dermgan_jax.commands.project:COMMAND",
        "filter": "dermgan_jax.commands.filter:COMMAND",
        "detect": "dermgan_jax.commands.detect:COMMAND",
        "verify": "dermgan_jax.commands.verify:COMMAND",
        "audit": "dermgan_jax.commands.audit:COMMAND",
        "judge": "dermgan_jax.commands.judge:COMMAND",
        "evaluate": "dermgan_jax.commands.evaluate:COMMAND",
        "evaluate_upscaler": "dermgan_jax.commands.evaluate_upscaler:COMMAND",
        "report": "dermgan_jax.commands.report:COMMAND",
        "compare": "dermgan_jax.commands.compare:COMMAND",
        "import": "dermgan_jax.commands.import_:COMMAND",
        "export": "dermgan_jax.commands.export:COMMAND",
        "weights": "dermgan_jax.commands.weights:COMMAND",
        "doctor": "dermgan_jax.commands.doctor:COMMAND",
        "readers_design": "dermgan_jax.commands.readers_design:COMMAND",
        "readers_serve": "dermgan_jax.commands.readers_serve:COMMAND",
        "readers_analyse": "dermgan_jax.commands.readers_analyse:COMMAND",
        "agreement": "dermgan_jax.commands.agreement:COMMAND",
        "completion": "dermgan_jax.commands.completion:COMMAND",
    },
    "model": {
        "pgan": "dermgan_jax.models.pgan:ProgressiveGan",
        "cyclegan": "dermgan_jax.models.cyclegan:CycleGan",
        "pix2pix": "dermgan_jax.models.pix2pix:Pix2Pix",
        "cut": "dermgan_jax.models.cut:Cut",
        "dcgan": "dermgan_jax.models.dcgan:DeepConvolutionalGan",
        "lapgan": "dermgan_jax.models.lapgan:LaplacianGan",
        "stylegan2": "dermgan_jax.models.stylegan2:StyleGan2",
        "fastgan": "dermgan_jax.models.fastgan:FastGan",
        "projected": "dermgan_jax.models.projected:ProjectedGan",
        "spade": "dermgan_jax.models.spade:Spade",
        "segmenter": "dermgan_jax.models.unet_segmenter:UnetSegmenter",
        "classifier": "dermgan_jax.models.classifier:TransferClassifier",
        "fanogan": "dermgan_jax.models.fanogan:FAnoGan",
        "superres": "dermgan_jax.models.superres:SuperResolution",
    },
    "tracker": {
        "mlflow": "dermgan_jax.runs.trackers:Mlflow",
        "wandb": "dermgan_jax.runs.trackers:Wandb",
    },
    "dataset": {
        "phantom": "dermgan_jax.data.datasets.phantom:load",
        "image_folder": "dermgan_jax.data.datasets.image_folder:load",
        "ham10000": "dermgan_jax.data.datasets.ham10000:load",
        "isic2018": "dermgan_jax.data.datasets.isic2018:load",
        "derm7pt": "dermgan_jax.data.datasets.derm7pt:load",
        "chest_xray": "dermgan_jax.data.datasets.chest_xray:load",
        "image_folders": "dermgan_jax.data.datasets.image_folders:load",
        "phantom_pairs": "dermgan_jax.data.datasets.phantom_pairs:load",
    },
    "metric": {
        "swd": "dermgan_jax.metrics.named_metrics:SWD",
        "fid": "dermgan_jax.metrics.named_metrics:FID",
        "fid:tf": "dermgan_jax.metrics.named_metrics:FID_TF",
        "fid:clean": "dermgan_jax.metrics.named_metrics:FID_CLEAN",
        "kid": "dermgan_jax.metrics.named_metrics:KID",
        "kid:tf": "dermgan_jax.metrics.named_metrics:KID_TF",
        "kid:clean": "dermgan_jax.metrics.named_metrics:KID_CLEAN",
        "inception_score": "dermgan_jax.metrics.named_metrics:INCEPTION_SCORE",
        "precision_recall": "dermgan_jax.metrics.named_metrics:PRECISION_RECALL",
        "density_coverage": "dermgan_jax.metrics.named_metrics:DENSITY_COVERAGE",
        "fd_lite0": "dermgan_jax.metrics.named_metrics:FD_LITE0",
        "kd_lite0": "dermgan_jax.metrics.named_metrics:KD_LITE0",
        "diversity": "dermgan_jax.metrics.named_metrics:DIVERSITY",
        "lpips": "dermgan_jax.metrics.named_metrics:LPIPS",
        "lpips_diversity": "dermgan_jax.metrics.named_metrics:LPIPS_DIVERSITY",
        "mifid": "dermgan_jax.metrics.named_metrics:MIFID",
        "fid_inf": "dermgan_jax.metrics.named_metrics:FID_INF",
        "cmmd": "dermgan_jax.metrics.named_metrics:CMMD",
        "ssim": "dermgan_jax.metrics.named_metrics:SSIM",
        "psnr": "dermgan_jax.metrics.named_metrics:PSNR",
    },
    "segmenter_metric": {
        "dice": "dermgan_jax.metrics.segmenter_metrics:dice",
        "iou": "dermgan_jax.metrics.segmenter_metrics:iou",
        "pixel_accuracy": "dermgan_jax.metrics.segmenter_metrics:pixel_accuracy",
    },
    "classifier_metric": {
        "loss": "dermgan_jax.metrics.classifier_metrics:loss",
        "accuracy": "dermgan_jax.metrics.classifier_metrics:accuracy",
        "balanced_accuracy": "dermgan_jax.metrics.classifier_metrics:balanced_accuracy",
        "auc": "dermgan_jax.metrics.classifier_metrics:auc",
    },
    "detector_metric": {
        "reconstruction_error": "dermgan_jax.metrics.detector_metrics:reconstruction_error",
        "spread": "dermgan_jax.metrics.detector_metrics:spread",
        "auroc": "dermgan_jax.metrics.detector_metrics:auroc",
        "average_precision": "dermgan_jax.metrics.detector_metrics:average_precision",
        "fpr_at_95_tpr": "dermgan_jax.metrics.detector_metrics:fpr_at_95_tpr",
    },
    # What stands beside every trained detector of the abnormal.
    "anomaly baseline": {
        "mean_image": "dermgan_jax.evaluation.anomaly.mean_image:MEAN_IMAGE",
        "brightness": "dermgan_jax.evaluation.anomaly.intensity:BRIGHTNESS",
        "contrast": "dermgan_jax.evaluation.anomaly.intensity:CONTRAST",
        "pca": "dermgan_jax.evaluation.anomaly.principal_components:PRINCIPAL_COMPONENTS",
        "nearest_features": "dermgan_jax.evaluation.anomaly.nearest_features:NEAREST_FEATURES",
        "patch_memory": "dermgan_jax.evaluation.anomaly.patch_memory:PATCH_MEMORY",
    },
    "upscaler_metric": {
        "psnr_y": "dermgan_jax.metrics.upscaler_metrics:PSNR_Y",
        "ssim_y": "dermgan_jax.metrics.upscaler_metrics:SSIM_Y",
        "psnr": "dermgan_jax.metrics.upscaler_metrics:PSNR",
        "ssim": "dermgan_jax.metrics.upscaler_metrics:SSIM",
        "lpips": "dermgan_jax.metrics.upscaler_metrics:LPIPS",
        "consistency": "dermgan_jax.metrics.upscaler_metrics:CONSISTENCY",
        "mask_agreement": "dermgan_jax.metrics.upscaler_metrics:MASK_AGREEMENT",
    },
    # Where distances between images are taken, and what synthetic images are filtered by.
    "feature space": {
        "lite0": "dermgan_jax.features.feature_spaces:LITE0",
        "inception": "dermgan_jax.features.feature_spaces:INCEPTION",
        "pixels": "dermgan_jax.features.feature_spaces:PIXELS",
        "dinov2_s14": "dermgan_jax.features.feature_spaces:DINOV2_S14",
        "dinov2_b14": "dermgan_jax.features.feature_spaces:DINOV2_B14",
        "dinov2_l14": "dermgan_jax.features.feature_spaces:DINOV2_L14",
        "clip_l14_336": "dermgan_jax.features.feature_spaces:CLIP_L14_336",
        "rad_dino": "dermgan_jax.features.feature_spaces:RAD_DINO",
    },
    "quality rule": {
        "discriminator": "dermgan_jax.synthesis.quality_rules:discriminator",
        "realism": "dermgan_jax.synthesis.quality_rules:realism",
        "confidence": "dermgan_jax.synthesis.quality_rules:confidence",
    },
    # Of each kind of model: what is drawn and measured while it trains, and its report.
    "snapshots": {
        "sampler": "dermgan_jax.train.sampler_snapshots:SamplerSnapshots",
        "translator": "dermgan_jax.train.translator_snapshots:TranslatorSnapshots",
        "painter": "dermgan_jax.train.painter_snapshots:PainterSnapshots",
        "segmenter": "dermgan_jax.train.segmenter_snapshots:SegmenterSnapshots",
        "classifier": "dermgan_jax.train.classifier_snapshots:ClassifierSnapshots",
        "detector": "dermgan_jax.train.detector_snapshots:DetectorSnapshots",
        "upscaler": "dermgan_jax.train.upscaler_snapshots:UpscalerSnapshots",
    },
    "run report": {
        "sampler": "dermgan_jax.report.sampler:REPORT",
        "translator": "dermgan_jax.report.translator:REPORT",
        "painter": "dermgan_jax.report.painter:REPORT",
        "segmenter": "dermgan_jax.report.segmenter:REPORT",
        "classifier": "dermgan_jax.report.classifier:REPORT",
        "detector": "dermgan_jax.report.detector:REPORT",
        "upscaler": "dermgan_jax.report.upscaler:REPORT",
    },
    "study": {
        "comparison": "dermgan_jax.studies.comparison:run",
        "augmentation": "dermgan_jax.studies.augmentation:run",
        "segmentation": "dermgan_jax.studies.segmentation:run",
    },
    # What a study trains: its configuration -> experiments by name.
    "study experiments": {
        "comparison": "dermgan_jax.studies.comparison_config:experiments",
        "augmentation": "dermgan_jax.studies.augmentation_config:experiments",
        "segmentation": "dermgan_jax.studies.segmentation_config:experiments",
    },
    "study report": {
        "comparison": "dermgan_jax.report.comparison:build",
        "augmentation": "dermgan_jax.report.augmentation:build",
        "segmentation": "dermgan_jax.report.segmentation:build",
    },
    # From files of the PyTorch originals, and back.
    "importer": {
        "cyclegan": "dermgan_jax.interop.import_translator:import_cyclegan",
        "pix2pix": "dermgan_jax.interop.import_translator:import_pix2pix",
        "cut": "dermgan_jax.interop.import_translator:import_cut",
        "dcgan": "dermgan_jax.interop.import_dcgan:import_dcgan",
        "stylegan2": "dermgan_jax.interop.import_stylegan2:import_stylegan2",
        "fastgan": "dermgan_jax.interop.import_fastgan:import_fastgan",
        "projected": "dermgan_jax.interop.import_projected:import_projected",
        "esrgan": "dermgan_jax.interop.import_esrgan:import_esrgan",
    },
    "exporter": {
        "cyclegan": "dermgan_jax.interop.export_translator:export_translator",
        "pix2pix": "dermgan_jax.interop.export_translator:export_translator",
        "cut": "dermgan_jax.interop.export_translator:export_translator",
        "stylegan2": "dermgan_jax.interop.export_stylegan2:export_stylegan2",
        "superres": "dermgan_jax.interop.export_esrgan:export_esrgan",
    },
}

# Parts named PREFIX:ARGUMENT, and what makes them of the argument, which names a part of another
# kind, or, if that is None, anything.
FAMILIES: dict[str, dict[str, tuple[str, str | None]]] = {
    "metric": {
        "fd": ("dermgan_jax.metrics.named_metrics:FD", "feature space"),
        "kd": ("dermgan_jax.metrics.named_metrics:KD", "feature space"),
        "prdc": ("dermgan_jax.metrics.named_metrics:PRDC", "feature space"),
        "pr": ("dermgan_jax.metrics.named_metrics:PR", "feature space"),
        "mmd": ("dermgan_jax.metrics.named_metrics:MMD", "feature space"),
        "vendi": ("dermgan_jax.metrics.named_metrics:VENDI", "feature space"),
        "rarity": ("dermgan_jax.metrics.named_metrics:RARITY", "feature space"),
        "mifd": ("dermgan_jax.metrics.named_metrics:MIFD", "feature space"),
        "fd_inf": ("dermgan_jax.metrics.named_metrics:FD_INF", "feature space"),
    },
    # A classifier of one's own, "workdir:RUN".
    "feature space": {"workdir": ("dermgan_jax.runs.classifier_features:space", None)},
}

# Data sets whose images a program draws: phantoms, which must be labelled as such.
DRAWN_DATASETS = ("phantom", "phantom_pairs")


def names(kind: str) -> tuple[str, ...]:
    """Registered names of one kind, such as "model", "dataset" or "metric"."""
    return tuple(REGISTRY[kind])


def described(kind: str) -> str:
    """The names of one kind for a user, those with an argument as "PREFIX:ARGUMENT"."""
    families = FAMILIES.get(kind, {})
    arguments = {of for _, of in families.values() if of}
    with_argument = (f"{prefix}:{_placeholder(of)}" for prefix, (_, of) in families.items())
    texts = [*names(kind), *with_argument]
    spaces = "".join(f" ({_placeholder(of)}: {described(of)})" for of in sorted(arguments))
    return ", ".join(texts) + spaces


def _placeholder(kind: str | None) -> str:
    return "RUN" if kind is None else kind.rpartition(" ")[2].upper()


def fault(kind: str, name: str) -> str | None:
    """What is wrong with a name, or None if it is registered."""
    if name in REGISTRY[kind]:
        return None
    prefix, _, argument = name.partition(":")
    if prefix not in FAMILIES.get(kind, {}):
        hint = did_you_mean(name, names(kind), described(kind))
        return f"unknown {kind} {name!r}{hint}"
    _, of = FAMILIES[kind][prefix]
    if not argument:
        return f"{kind} {name!r} lacks what comes after the colon: {prefix}:{_placeholder(of)}"
    wrong = fault(of, argument) if of else None
    return f"{kind} {name!r}: {wrong}" if wrong else None


def load(kind: str, name: str) -> Any:
    """Imports and returns the object registered under `name`, or makes it of its argument.

    Raises:
      UserError: if no such name is registered; the message gives the nearest one.
    """
    if wrong := fault(kind, name):
        raise UserError(wrong)
    if name in REGISTRY[kind]:
        return _imported(REGISTRY[kind][name])
    prefix, _, argument = name.partition(":")
    place, _ = FAMILIES[kind][prefix]
    return _imported(place)(argument)


def _imported(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def did_you_mean(name: str, known: tuple[str, ...], all_known: str = "") -> str:
    """A clause that offers the known name closest to `name`, or lists them all.

    Args:
      name: as given.
      known: names.
      all_known: the list; without it, the names.
    """
    close = difflib.get_close_matches(name, known, n=1)
    close = close or difflib.get_close_matches(name.lower(), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {all_known or ', '.join(known)}"
