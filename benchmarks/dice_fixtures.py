# SPDX-License-Identifier: Apache-2.0
"""Compare each kind of golden fixture with the classes that the talker uses.

There is no model arithmetic here. Whisper's encoder runs in float64, so that only the reference's
own rounding shows. Tolerances are those of the fixtures' README.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from benchmarks.dice_fixture_inputs import (
    Listener,
    build_unet,
    compare_equal,
    cut_part,
    find_grid,
    keep_output,
    read_audio_sizes,
    read_emotion_sizes,
    read_pose_sizes,
    read_sound,
)
from benchmarks.dice_pipeline_fixture import compare_pipeline
from benchmarks.golden import Compared, Fixture
from model import v_prediction
from model.dice import detector, preprocess, schedule, speech
from model.dice.adapters import (
    AdapterProcessor,
    BatchConditioning,
    FaceGate,
    SpatialView,
    Tokens,
    WindowConditioning,
    resample_mask,
)
from model.dice.config import EmotionSizes
from model.dice.emotion import EmotionModel
from model.dice.interpolate import Interpolator
from model.dice.pose import PoseGuider


def compare_audio_projection(f: Fixture) -> Iterator[Compared]:
    tolerance = 1e-4 if f.is_full_size else 1e-5
    network = f.fill(speech.AudioProjection(read_audio_sizes(f.about["config"])))
    windows = f.tensors["in/audio"]
    yield f.compare("out/tokens", network(windows), tolerance)
    yield f.compare("out/tokens_zero_input", network(torch.zeros_like(windows)), tolerance)


def compare_pose_guider(f: Fixture) -> Iterator[Compared]:
    network = f.fill(PoseGuider(read_pose_sizes(f.about["config"])))
    masks = f.tensors["in/cond"]
    maps = network(rearrange(masks, "b c f h w -> (b f) c h w"))
    tolerance = 1e-4 if f.is_full_size else 1e-5
    yield f.compare("out/fea", rearrange(maps, "(b f) c h w -> b c f h w", b=len(masks)), tolerance)


def compare_emotion_model(f: Fixture) -> Iterator[Compared]:
    config = f.about["config"]
    network = EmotionModel(
        EmotionSizes() if isinstance(config, str) else read_emotion_sizes(config)
    )
    f.fill(network)
    tolerance = 1e-4 if f.is_full_size else 1e-5
    prior = rearrange(f.tensors["in/prior"], "b f 1 1 d -> b f d")
    dropped = (
        rearrange(f.tensors["in/mask"], "b f 1 1 d -> b f d") if "in/mask" in f.tensors else None
    )
    cases: dict[str, tuple[Tensor, Tensor | None]] = {
        "": (prior, None),
        "masked_": (prior, dropped),
        "zero_": (torch.zeros_like(prior), None),
    }
    for kind, (inputs, drop) in cases.items():
        retrieved, loss = network.retrieve(inputs, dropped=drop)
        answers = {
            f"out/tokens_{kind}retrieval_True": retrieved,
            f"out/vq_loss_{kind}retrieval_True": loss,
            f"out/tokens_{kind}retrieval_False": network(inputs, dropped=drop),
        }
        yield from (
            f.compare(key, value, tolerance) for key, value in answers.items() if key in f.tensors
        )
    if "out/codebook_index" in f.tensors:
        entry, index, _ = network.codebook(prior)
        yield f.compare("out/codebook_quantized", entry, tolerance)
        yield f.compare("out/codebook_index", index, 0)
    yield f.compare(
        "out/classifier_logits", network.classifier(f.tensors["in/classifier_feature"]), tolerance
    )


def compare_cross_attention(f: Fixture) -> Iterator[Compared]:
    from diffusers.models.attention_processor import Attention

    config = f.about["config"]
    slots = sorted(key for key in f.tensors if key.startswith("in/ip_tokens_"))
    attention = Attention(
        query_dim=config["query_dim"],
        cross_attention_dim=config["cross_attention_dim"],
        heads=config["heads"],
        dim_head=config["dim_head"],
    )
    attention.set_processor(
        AdapterProcessor(
            attention.inner_dim, dim=config["cross_attention_dim"], adapters=len(slots)
        )
    )
    f.fill(attention)
    tokens = [Tokens.dense(f.tensors[key][None]) for key in ("in/clip_tokens", *slots)]
    hidden, mask = f.tensors["in/hidden"], f.tensors["in/mask"]
    grid = find_grid(mask, hidden.shape[1])
    for letter, scales in config["scales"].items():
        for name, gate in (("masked", FaceGate(mask)), ("unmasked", None)):
            view = SpatialView(
                BatchConditioning(
                    [WindowConditioning(tokens[0], tuple(tokens[1:]), gate)],
                    tuple(map(float, scales)),
                ),
                grid,
            )
            yield f.compare(
                f"out/{name}_{letter}", attention(hidden, encoder_hidden_states=view), 1e-5
            )


def compare_mask_grids(f: Fixture) -> Iterator[Compared]:
    for key, wanted in f.tensors.items():
        if match := re.fullmatch(r"out/(\w+)_q\d+", key):
            mask = preprocess.to_unit(f.tensors[f"in/{match[1]}"].numpy())
            height, width = wanted.shape
            yield f.compare(key, resample_mask(mask, (height, width)), 1e-6)


def compare_scheduler(f: Fixture) -> Iterator[Compared]:
    counts = [
        int(key.removeprefix("out/sigmas_")) for key in f.tensors if key.startswith("out/sigmas_")
    ]
    for count in counts:
        levels = schedule.Schedule.of(f.about["config"], count)
        yield f.compare(f"out/sigmas_{count}", levels.sigmas, 0)
        yield f.compare(f"out/timesteps_{count}", levels.timesteps, 0)
        yield f.compare(f"out/init_noise_sigma_{count}", levels.init_noise_sigma, 0)
    levels, x = schedule.Schedule.of(f.about["config"], len(f.tensors["in/v"])), f.tensors["in/x"]
    inputs, path = [], []
    for step, v in enumerate(f.tensors["in/v"]):
        inputs.append(v_prediction.scale_input(x, levels.sigmas[step]))
        x = v_prediction.step_euler(x, v, levels.sigmas[step], levels.sigmas[step + 1])
        path.append(x)
    yield f.compare("out/trajectory", torch.stack(path), 1e-3, relative=True)
    yield f.compare("out/scaled_inputs", torch.stack(inputs), 1e-3, relative=True)
    noisy = v_prediction.add_noise(
        f.tensors["in/ref_latent"], f.tensors["in/noise"], levels.sigmas[0]
    )
    yield f.compare("out/add_noise_first", noisy, 1e-3, relative=True)


def compare_unet(f: Fixture) -> Iterator[Compared]:
    network, cases = build_unet(f), f.tensors
    seen: dict[str, Tensor] = {}
    stages = {"conv_in": network.conv_in, "midblock": network.mid_block}
    stages |= {f"down{i}": block for i, block in enumerate(network.down_blocks)}
    stages |= {f"up{i}": block for i, block in enumerate(network.up_blocks)}
    handles = [
        module.register_forward_hook(keep_output(seen, name)) for name, module in stages.items()
    ]
    tokens = {name: Tokens.dense(cases[f"in/{name}"]) for name in ("clip", "audio", "emotion")}
    for key in (key for key in cases if key.startswith("out/")):
        scales = tuple(map(float, re.findall(r"_(\d+\.?\d*)", key))) or (1.0, 1.0)
        gate = None if key.endswith("no_mask") else FaceGate(cases["in/mask"])
        conditioning = BatchConditioning(
            [WindowConditioning(tokens["clip"], (tokens["audio"], tokens["emotion"]), gate)], scales
        )
        spatial = None if key.endswith("no_spatial") else cases["in/spatial"]
        answer = network(
            cases["in/sample"],
            cases["in/timestep"][0],
            conditioning,
            cases["in/added_time_ids"],
            spatial,
        )
        yield f.compare(key, answer, 1e-4)
        if key == "out/full":
            yield from (
                f.compare(f"mid/{name}", value, 1e-4)
                for name, value in seen.items()
                if f"mid/{name}" in cases
            )
    for handle in handles:
        handle.remove()


def compare_interpolation(f: Fixture) -> Iterator[Compared]:
    config = f.about["config"]
    network = Interpolator(config["c"], tuple(config.get("scale_list", (4, 2, 1))))
    f.fill(network)
    first, second = f.tensors["in/img0"], f.tensors["in/img1"]
    found = network.estimate_flows(first, second)
    answers = {f"out/flow{i}": meeting.flow for i, meeting in enumerate(found)}
    answers |= {f"out/merged{i}": meeting.picture for i, meeting in enumerate(found)}
    answers |= {"out/mask": found[-1].weight, "out/middle": network(first, second)}
    yield from (f.compare(key, value, 1e-4) for key, value in answers.items() if key in f.tensors)


TOLERANCES = {"mel": 1e-4, "windows": 1e-5}
AUDIO_KEY = re.compile(
    r"out/([a-z]+)(\d*)_((?:uncond_)?(?:mel|windows|audio_tokens|emotion_tokens))_?(\w*)"
)


def compare_audio_windows(f: Fixture) -> Iterator[Compared]:
    listener = Listener.of(f)
    recordings: dict[str, dict[str, Callable[[], Tensor]]] = {}
    for key in (key for key in f.tensors if key.startswith("out/")):
        match = AUDIO_KEY.fullmatch(key)
        if match is None:
            raise ValueError(f"{f.name}: do not know what {key} is")
        case, limit, what, part = match.groups()
        if case + limit not in recordings:
            recordings[case + limit] = listener.list_outputs(
                f, read_sound(f, case), int(limit) if limit else None
            )
        got = cut_part(recordings[case + limit][what](), part)
        yield f.compare(key, got.T if what == "mel" else got, TOLERANCES.get(what, 1e-4))


def compare_pictures(f: Fixture) -> Iterator[Compared]:
    area = f.about.get("area", preprocess.MASK_AREA)
    for name, case in f.about["cases"].items():
        image, size = (
            f.tensors[f"in/{name}_image"].numpy(),
            (case["image_wh"][0], case["image_wh"][1]),
        )
        face = preprocess.PixelBox.from_xywh(*case["bbox_xywh"])
        fitted = preprocess.fit_reference_size(size, case["image_size"])
        yield compare_equal(f"{name} out_hw", case["out_hw"], [fitted[1], fitted[0]])
        crop = preprocess.crop_square(size, face)
        yield compare_equal(
            f"{name} crop",
            case["crop_bbox_xyxy_ratio0.5"],
            [crop.left, crop.top, crop.right, crop.bottom],
        )
        reference = preprocess.resize(image, fitted)
        mask = preprocess.resize(preprocess.draw_face_mask(size, face, area=area), fitted)
        yield f.compare(f"out/{name}_ref_u8", reference.transpose(2, 0, 1), 1)
        yield f.compare(f"out/{name}_mask_u8", mask, 1)
        pixels = preprocess.to_clip_pixels(reference)
        if f"out/{name}_clip" in f.tensors:
            yield f.compare(f"out/{name}_clip", pixels, 1e-5)
        else:
            cases = torch.stack((pixels.mean((1, 2)), pixels.std((1, 2))))
            yield f.compare(f"out/{name}_clip_mean_std", cases, 1e-5)


def compare_boxes_and_sizes(f: Fixture) -> Iterator[Compared]:
    for number, case in enumerate(f.about["process_bbox"]):
        left, top, right, bottom = case["bbox_xyxy"]
        face = preprocess.PixelBox(left=left, top=top, right=right, bottom=bottom)
        crop = preprocess.crop_square((case["w"], case["h"]), face, expand=case["ratio"])
        yield compare_equal(
            f"crop {number}", case["square"], [crop.left, crop.top, crop.right, crop.bottom]
        )
    for case in f.about["resize_rule"]:
        fitted = preprocess.fit_reference_size((case["w"], case["h"]), case["image_size"])
        yield compare_equal(
            f"size {case['w']}x{case['h']}", [case["new_w"], case["new_h"]], list(fitted)
        )


def compare_face_detector(f: Fixture) -> Iterator[Compared]:
    for name, case in f.about["cases"].items():
        size = (case["image_wh"][0], case["image_wh"][1])
        inputs = detector.make_network_input(f.tensors[f"in/{name}_bgr"].numpy())
        yield f.compare(f"out/{name}_net_input_q8", inputs[..., ::8, ::8], 1e-3)
        grids = detector.make_network_grids(detector.fit_network_size(size))
        yield compare_equal(f"{name} grids", case["grids"], [list(grid.shape) for grid in grids])
        found = detector.decode_detections(f.tensors[f"in/{name}_pred"], size=size)
        boxes = np.array([[d.box.left, d.box.top, d.box.width, d.box.height] for d in found])
        yield f.compare(f"out/{name}_boxes_xywh", boxes, 1e-3)
        yield f.compare(f"out/{name}_landmarks", np.stack([d.landmarks for d in found]), 1e-3)
        yield f.compare(f"out/{name}_scores", np.array([d.score for d in found]), 1e-3)
        areas = [d.area for d in found]
        yield compare_equal(f"{name} largest", case["true_largest"], detector.choose_largest(areas))
        chosen = detector.choose_largest(areas, as_reference=True)
        yield compare_equal(
            f"{name} largest as reference", case["maxface_index_chosen_by_reference"], chosen
        )
        yield f.compare(f"out/{name}_maxface_box", boxes[chosen], 1e-3)


KINDS: dict[str, Callable[[Fixture], Iterator[Compared]]] = {
    "audio_proj": compare_audio_projection,
    "audio_windows": compare_audio_windows,
    "bbox_and_sizes": compare_boxes_and_sizes,
    "emotion_model": compare_emotion_model,
    "ip_attention": compare_cross_attention,
    "mask_downsample": compare_mask_grids,
    "pipeline": compare_pipeline,
    "pose_guider": compare_pose_guider,
    "preprocess": compare_pictures,
    "rife": compare_interpolation,
    "scheduler": compare_scheduler,
    "unet": compare_unet,
    "yolo_postprocess": compare_face_detector,
}
