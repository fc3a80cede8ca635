"""The published state dicts, by tensor name and shape, written down from the authors' public code.

Sources, read for names, shapes and order (nothing of them is copied): the modules ``modeling/`` of
facebookresearch/segment-anything (prompt encoder, mask decoder, image encoder), ``mobile_sam/modeling/
tiny_vit_sam.py`` of ChaoningZhang/MobileSAM (also TinySAM's network, and LiteMedSAM's but for the patch
embedding), ``edge_sam/modeling/rep_vit.py`` of chongzhou96/EdgeSAM, ``sam/repvit_sam/modeling/repvit.py`` of
THU-MIG/RepViT, and ``efficientvit/models/{efficientvit/backbone,efficientvit/sam,nn/ops}.py`` of
mit-han-lab/efficientvit. They know nothing of our own networks, so that the key maps are tested against
something other than themselves.
"""

from __future__ import annotations

import math

import torch

Shapes = dict[str, tuple[int, ...]]


def shapes(model_id: str) -> Shapes:
    """Return name → shape of every tensor in the published file of a model."""
    encoder = {f"image_encoder.{name}": shape for name, shape in _ENCODERS[model_id]().items()}
    return encoder | _prompt_encoder() | _mask_decoder()


def random_state(model_id: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return a state dict of random values with which every tensor has a say in the embedding."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes(model_id).items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(1)
        elif name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
            state[name] = 0.5 + torch.rand(shape, generator=generator)  # norms that neither fade nor explode
        else:
            fan_in = math.prod(shape[1:]) if len(shape) > 1 else 16
            state[name] = torch.randn(shape, generator=generator) / fan_in**0.5
    return state


def _conv(name: str, outputs: int, inputs: int, kernel: int = 1, bias: bool = False) -> Shapes:
    weight = {f"{name}.weight": (outputs, inputs, kernel, kernel)}
    return weight | ({f"{name}.bias": (outputs,)} if bias else {})


def _linear(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _batch_norm(name: str, width: int) -> Shapes:
    running = {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
    return _norm(name, width) | running | {f"{name}.num_batches_tracked": ()}


def _conv_bn(name: str, outputs: int, inputs: int, kernel: int = 1) -> Shapes:
    return _conv(f"{name}.c", outputs, inputs, kernel) | _batch_norm(f"{name}.bn", outputs)


def _neck(inputs: int) -> Shapes:
    return (
        _conv("neck.0", 256, inputs)
        | _norm("neck.1", 256)
        | _conv("neck.2", 256, 256, 3)
        | _norm("neck.3", 256)
    )


def _prompt_encoder() -> Shapes:
    inside: Shapes = {"pe_layer.positional_encoding_gaussian_matrix": (2, 128)}
    for name in (*(f"point_embeddings.{index}" for index in range(4)), "not_a_point_embed", "no_mask_embed"):
        inside[f"{name}.weight"] = (1, 256)
    inside |= _conv("mask_downscaling.0", 4, 1, 2, bias=True) | _norm("mask_downscaling.1", 4)
    inside |= _conv("mask_downscaling.3", 16, 4, 2, bias=True) | _norm("mask_downscaling.4", 16)
    inside |= _conv("mask_downscaling.6", 256, 16, bias=True)
    return {f"prompt_encoder.{name}": shape for name, shape in inside.items()}


def _attention(name: str, inner: int) -> Shapes:
    inside: Shapes = {}
    for part in "qkv":
        inside |= _linear(f"{name}.{part}_proj", inner, 256)
    return inside | _linear(f"{name}.out_proj", 256, inner)


def _mask_decoder() -> Shapes:
    inside: Shapes = {"iou_token.weight": (1, 256), "mask_tokens.weight": (4, 256)}
    for layer in ("transformer.layers.0", "transformer.layers.1"):
        inside |= _attention(f"{layer}.self_attn", 256)
        inside |= _attention(f"{layer}.cross_attn_token_to_image", 128)
        inside |= _attention(f"{layer}.cross_attn_image_to_token", 128)
        inside |= _linear(f"{layer}.mlp.lin1", 2048, 256) | _linear(f"{layer}.mlp.lin2", 256, 2048)
        for norm in range(1, 5):
            inside |= _norm(f"{layer}.norm{norm}", 256)
    inside |= _attention("transformer.final_attn_token_to_image", 128)
    inside |= _norm("transformer.norm_final_attn", 256)
    inside |= {"output_upscaling.0.weight": (256, 64, 2, 2), "output_upscaling.0.bias": (64,)}
    inside |= _norm("output_upscaling.1", 64)
    inside |= {"output_upscaling.3.weight": (64, 32, 2, 2), "output_upscaling.3.bias": (32,)}
    heads = {f"output_hypernetworks_mlps.{index}": 32 for index in range(4)} | {"iou_prediction_head": 4}
    for head, outputs in heads.items():
        inside |= _linear(f"{head}.layers.0", 256, 256) | _linear(f"{head}.layers.1", 256, 256)
        inside |= _linear(f"{head}.layers.2", outputs, 256)
    return {f"mask_decoder.{name}": shape for name, shape in inside.items()}


def _sam_vit(width: int, depth: int, heads: int, whole: tuple[int, ...]) -> Shapes:
    inside: Shapes = {"pos_embed": (1, 64, 64, width)} | _conv("patch_embed.proj", width, 3, 16, bias=True)
    for index in range(depth):
        block = f"blocks.{index}"
        distances = 2 * (64 if index in whole else 14) - 1
        inside |= _norm(f"{block}.norm1", width) | _norm(f"{block}.norm2", width)
        inside |= {f"{block}.attn.rel_pos_{axis}": (distances, width // heads) for axis in "hw"}
        inside |= _linear(f"{block}.attn.qkv", 3 * width, width) | _linear(f"{block}.attn.proj", width, width)
        inside |= _linear(f"{block}.mlp.lin1", 4 * width, width)
        inside |= _linear(f"{block}.mlp.lin2", width, 4 * width)
    return inside | _neck(width)


def _tiny_vit(patch: int, head: bool) -> Shapes:
    widths, depths, heads, windows = (64, 128, 160, 320), (2, 2, 6, 2), (2, 4, 5, 10), (7, 7, 14, 7)
    inside = _conv_bn("patch_embed.seq.0", 32, 3, patch) | _conv_bn("patch_embed.seq.2", 64, 32, patch)
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        for index in range(depth):
            block = f"layers.{stage}.blocks.{index}"
            if stage == 0:
                inside |= _conv_bn(f"{block}.conv1", 4 * width, width)
                inside |= _conv_bn(f"{block}.conv2", 4 * width, 1, 3)
                inside |= _conv_bn(f"{block}.conv3", width, 4 * width)
                continue
            inside |= {f"{block}.attn.attention_biases": (heads[stage], windows[stage] ** 2)}
            inside |= _norm(f"{block}.attn.norm", width) | _linear(f"{block}.attn.qkv", 3 * width, width)
            inside |= _linear(f"{block}.attn.proj", width, width) | _conv_bn(
                f"{block}.local_conv", width, 1, 3
            )
            inside |= _norm(f"{block}.mlp.norm", width) | _linear(f"{block}.mlp.fc1", 4 * width, width)
            inside |= _linear(f"{block}.mlp.fc2", width, 4 * width)
        if stage < 3:
            down, wider = f"layers.{stage}.downsample", widths[stage + 1]
            inside |= _conv_bn(f"{down}.conv1", wider, width) | _conv_bn(f"{down}.conv2", wider, 1, 3)
            inside |= _conv_bn(f"{down}.conv3", wider, wider)
    if head:
        inside |= _norm("norm_head", 320) | _linear("head", 1000, 320)
    return inside | _neck(320)


def repvit_rows(counts: tuple[int, ...], widths: tuple[int, ...]) -> list[tuple[int, int, bool, bool]]:
    """Return (inputs, outputs, step down, squeeze-and-excite) of each numbered block after the stem."""
    rows = []
    for stage, (count, width) in enumerate(zip(counts, widths, strict=True)):
        for index in range(count):
            first = stage > 0 and index == 0
            inside = index - (stage > 0)  # place among the stage's blocks of stride 1
            closes = stage < 3 and index == count - 1
            rows.append(
                (
                    widths[stage - 1] if first else width,
                    width,
                    first,
                    not first and not closes and inside % 2 == 0,
                )
            )
    return rows


EDGE_SAM_ROWS = repvit_rows((3, 4, 16, 3), (48, 96, 192, 384))
REPVIT_SAM_ROWS = repvit_rows((7, 8, 36, 3), (80, 160, 320, 640))


def _repvit(rows: list[tuple[int, int, bool, bool]], sum_norm: bool) -> Shapes:
    first = rows[0][0]
    inside = _conv_bn("features.0.0", first // 2, 3, 3) | _conv_bn("features.0.2", first, first // 2, 3)
    for index, (inputs, outputs, down, excite) in enumerate(rows, start=1):
        mixer = f"features.{index}.token_mixer"
        if down:
            inside |= _conv_bn(f"{mixer}.0", inputs, 1, 3) | _conv_bn(f"{mixer}.2", outputs, inputs)
        else:
            inside |= _conv_bn(f"{mixer}.0.conv", inputs, 1, 3)
            inside |= (
                _conv(f"{mixer}.0.conv1", inputs, 1, bias=True) | _batch_norm(f"{mixer}.0.bn", inputs)
                if sum_norm
                else _conv_bn(f"{mixer}.0.conv1", inputs, 1)
            )
        if excite:
            squeezed = {48: 16, 96: 24, 192: 48, 384: 96, 80: 24, 160: 40, 320: 80, 640: 160}[inputs]
            inside |= _conv(f"{mixer}.1.fc1", squeezed, inputs, bias=True)
            inside |= _conv(f"{mixer}.1.fc2", inputs, squeezed, bias=True)
        inside |= _conv_bn(f"features.{index}.channel_mixer.m.0", 2 * outputs, outputs)
        inside |= _conv_bn(f"features.{index}.channel_mixer.m.2", outputs, 2 * outputs)
    return inside


def _edge_sam() -> Shapes:
    fused = _conv("fuse_stage2", 256, 192) | _conv("fuse_stage3.op_list.0", 256, 384)
    return _repvit(EDGE_SAM_ROWS, sum_norm=False) | fused | _neck(256)


def _repvit_sam() -> Shapes:
    return _repvit(REPVIT_SAM_ROWS, sum_norm=True) | _neck(640)


def _layer(
    name: str, outputs: int, inputs: int, kernel: int = 1, *, norm: bool = True, bias: bool = False
) -> Shapes:
    return _conv(f"{name}.conv", outputs, inputs, kernel, bias) | (
        _batch_norm(f"{name}.norm", outputs) if norm else {}
    )


def _fused(name: str, inputs: int, outputs: int, expand: int) -> Shapes:
    middle = inputs * expand
    return _layer(f"{name}.spatial_conv", middle, inputs, 3) | _layer(f"{name}.point_conv", outputs, middle)


def _inverted(name: str, inputs: int, outputs: int, expand: int) -> Shapes:
    middle = inputs * expand
    return (
        _layer(f"{name}.inverted_conv", middle, inputs, norm=False, bias=True)
        | _layer(f"{name}.depth_conv", middle, 1, 3, norm=False, bias=True)
        | _layer(f"{name}.point_conv", outputs, middle)
    )


def _efficientvit(depths: tuple[int, ...], neck: int) -> Shapes:
    widths = (32, 64, 128, 256, 512)
    inside = _layer("backbone.stages.0.op_list.0", 32, 3, 3)
    for index in range(1, depths[0] + 1):
        block = f"backbone.stages.0.op_list.{index}.main"
        inside |= _layer(f"{block}.conv1", 32, 32, 3) | _layer(f"{block}.conv2", 32, 32, 3)
    for stage in range(1, 5):
        inputs, width = widths[stage - 1], widths[stage]
        build = _fused if stage < 3 else _inverted
        inside |= build(f"backbone.stages.{stage}.op_list.0.main", inputs, width, 24 if stage == 4 else 16)
        for index in range(1, depths[stage] + 1):
            block = f"backbone.stages.{stage}.op_list.{index}"
            if stage < 4:
                inside |= build(f"{block}.main", width, width, 4)
                continue
            attention = f"{block}.context_module.main"
            inside |= _layer(f"{attention}.qkv", 3 * width, width, norm=False)
            inside |= _conv(f"{attention}.aggreg.0.0", 3 * width, 1, 5)
            inside |= _conv(f"{attention}.aggreg.0.1", 3 * width, 32)
            inside |= _layer(f"{attention}.proj", width, 2 * width)
            inside |= _inverted(f"{block}.local_module.main", width, width, 6)
    for index, width in enumerate((512, 256, 128)):
        inside |= _layer(f"neck.input_ops.{index}.op_list.0", 256, width)
    for index in range(neck):
        inside |= _fused(f"neck.middle.op_list.{index}.main", 256, 256, 1)
    return inside | _conv("neck.output_ops.0.op_list.0.conv", 256, 256, bias=True) | _norm("norm", 256)


def _vit_b() -> Shapes:
    return _sam_vit(768, 12, 12, (2, 5, 8, 11))


_ENCODERS = {
    "sam-vit-b": _vit_b,
    "medsam-vit-b": _vit_b,
    "sam-vit-l": lambda: _sam_vit(1024, 24, 16, (5, 11, 17, 23)),
    "sam-vit-h": lambda: _sam_vit(1280, 32, 16, (7, 15, 23, 31)),
    "litemedsam": lambda: _tiny_vit(patch=1, head=False),
    "mobile-sam": lambda: _tiny_vit(patch=3, head=True),
    "tiny-sam": lambda: _tiny_vit(patch=3, head=True),
    "edge-sam": _edge_sam,
    "edge-sam-3x": _edge_sam,
    "repvit-sam": _repvit_sam,
    "efficientvit-sam-l0": lambda: _efficientvit((1, 1, 1, 4, 4), 4),
    "efficientvit-sam-l1": lambda: _efficientvit((1, 1, 1, 6, 6), 8),
    "efficientvit-sam-l2": lambda: _efficientvit((1, 2, 2, 8, 8), 12),
}
