# SPDX-License-Identifier: Apache-2.0
"""What is compared in each kind of golden fixture. No model arithmetic: the classes called are
those that the talker uses.

Whisper's encoder runs in float64, so that only the reference's own rounding is seen. Tolerances are
those of the fixtures' README.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from benchmarks.golden import Compared, Fixture, Json
from model import v_prediction
from model.dice import detector, engine, guidance, preprocess, sampling, schedule, speech, vision
from model.dice.adapters import (
    AdapterProcessor,
    BatchConditioning,
    FaceGate,
    SpatialView,
    Tokens,
    WindowConditioning,
    resample_mask,
)
from model.dice.config import AudioSizes, DiceSizes, EmotionSizes, PoseSizes
from model.dice.emotion import EmotionModel
from model.dice.interpolate import Interpolator
from model.dice.pose import PoseGuider
from model.dice.unet import DiceUNet
from model.emotion import LABELS


def audio_projection(f: Fixture) -> Iterator[Compared]:
    tolerance = 1e-4 if f.is_full_size else 1e-5
    network = f.fill(speech.AudioProjection(_audio_sizes(f.about["config"])))
    windows = f.tensors["in/audio"]
    yield f.compare("out/tokens", network(windows), tolerance)
    yield f.compare("out/tokens_zero_input", network(torch.zeros_like(windows)), tolerance)


def pose_guider(f: Fixture) -> Iterator[Compared]:
    network = f.fill(PoseGuider(_pose_sizes(f.about["config"])))
    masks = f.tensors["in/cond"]
    maps = network(rearrange(masks, "b c f h w -> (b f) c h w"))
    tolerance = 1e-4 if f.is_full_size else 1e-5
    yield f.compare("out/fea", rearrange(maps, "(b f) c h w -> b c f h w", b=len(masks)), tolerance)


def emotion_model(f: Fixture) -> Iterator[Compared]:
    config = f.about["config"]
    network = EmotionModel(EmotionSizes() if isinstance(config, str) else _emotion_sizes(config))
    f.fill(network)
    tolerance = 1e-4 if f.is_full_size else 1e-5
    prior = rearrange(f.tensors["in/prior"], "b f 1 1 d -> b f d")
    dropped = (
        rearrange(f.tensors["in/mask"], "b f 1 1 d -> b f d") if "in/mask" in f.tensors else None
    )
    told: dict[str, tuple[Tensor, Tensor | None]] = {
        "": (prior, None),
        "masked_": (prior, dropped),
        "zero_": (torch.zeros_like(prior), None),
    }
    for kind, (given, drop) in told.items():
        retrieved, loss = network.retrieve(given, dropped=drop)
        answers = {
            f"out/tokens_{kind}retrieval_True": retrieved,
            f"out/vq_loss_{kind}retrieval_True": loss,
            f"out/tokens_{kind}retrieval_False": network(given, dropped=drop),
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


def cross_attention(f: Fixture) -> Iterator[Compared]:
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
    grid = _grid(mask, hidden.shape[1])
    for letter, scales in config["scales"].items():
        for name, gate in (("masked", FaceGate(mask)), ("unmasked", None)):
            view = SpatialView(
                BatchConditioning([WindowConditioning(tokens[0], tuple(tokens[1:]), gate)], tuple(map(float, scales))),
                grid,
            )
            yield f.compare(
                f"out/{name}_{letter}", attention(hidden, encoder_hidden_states=view), 1e-5
            )


def mask_grids(f: Fixture) -> Iterator[Compared]:
    for key, wanted in f.tensors.items():
        if match := re.fullmatch(r"out/(\w+)_q\d+", key):
            mask = preprocess.to_unit(f.tensors[f"in/{match[1]}"].numpy())
            height, width = wanted.shape
            yield f.compare(key, resample_mask(mask, (height, width)), 1e-6)


def scheduler(f: Fixture) -> Iterator[Compared]:
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
    noisy = v_prediction.add_noise(f.tensors["in/ref_latent"], f.tensors["in/noise"], levels.sigmas[0])
    yield f.compare("out/add_noise_first", noisy, 1e-3, relative=True)


def unet(f: Fixture) -> Iterator[Compared]:
    network, told = _unet(f), f.tensors
    seen: dict[str, Tensor] = {}
    stages = {"conv_in": network.conv_in, "midblock": network.mid_block}
    stages |= {f"down{i}": block for i, block in enumerate(network.down_blocks)}
    stages |= {f"up{i}": block for i, block in enumerate(network.up_blocks)}
    handles = [module.register_forward_hook(_keeper(seen, name)) for name, module in stages.items()]
    tokens = {name: Tokens.dense(told[f"in/{name}"]) for name in ("clip", "audio", "emotion")}
    for key in (key for key in told if key.startswith("out/")):
        scales = tuple(map(float, re.findall(r"_(\d+\.?\d*)", key))) or (1.0, 1.0)
        gate = None if key.endswith("no_mask") else FaceGate(told["in/mask"])
        conditioning = BatchConditioning(
            [WindowConditioning(tokens["clip"], (tokens["audio"], tokens["emotion"]), gate)], scales
        )
        spatial = None if key.endswith("no_spatial") else told["in/spatial"]
        answer = network(
            told["in/sample"],
            told["in/timestep"][0],
            conditioning,
            told["in/added_time_ids"],
            spatial,
        )
        yield f.compare(key, answer, 1e-4)
        if key == "out/full":
            yield from (
                f.compare(f"mid/{name}", value, 1e-4)
                for name, value in seen.items()
                if f"mid/{name}" in told
            )
    for handle in handles:
        handle.remove()


def interpolation(f: Fixture) -> Iterator[Compared]:
    config = f.about["config"]
    network = Interpolator(config["c"], tuple(config.get("scale_list", (4, 2, 1))))
    f.fill(network)
    first, second = f.tensors["in/img0"], f.tensors["in/img1"]
    found = network.estimate_flows(first, second)
    answers = {f"out/flow{i}": meeting.flow for i, meeting in enumerate(found)}
    answers |= {f"out/merged{i}": meeting.picture for i, meeting in enumerate(found)}
    answers |= {"out/mask": found[-1].weight, "out/middle": network(first, second)}
    yield from (f.compare(key, value, 1e-4) for key, value in answers.items() if key in f.tensors)


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """Whisper, the audio projection and the emotion model of an `audio_windows` fixture."""

    encoder: nn.Module
    audio: speech.AudioProjection
    emotion: EmotionModel

    @classmethod
    def of(cls, f: Fixture) -> Listener:
        """Build from the fixture's sizes and weights."""
        encoder, audio = (
            speech.build_whisper_encoder(f.about["whisper"]),
            _audio_sizes(f.about["audio_proj"]),
        )
        projection, emotion = (
            speech.AudioProjection(audio),
            EmotionModel(_emotion_sizes(f.about["emotion"])),
        )
        f.fill(encoder, "w/whisper.").double()
        f.fill(projection, "w/audio.")
        f.fill(emotion, "w/emotion.")
        return cls(encoder, projection, emotion)

    def hear(
        self, f: Fixture, wav: np.ndarray, limit: int | None
    ) -> dict[str, Callable[[], Tensor]]:
        """What can be compared of one recording."""
        limits = {} if limit is None else {"limit_units": limit}
        windows = speech.cut_reference_windows(speech.extract_hard_features(self.encoder, wav, **limits))
        prior = f.tensors["in/mu"]
        return {
            "mel": lambda: speech.compute_log_mel(wav, bins=f.about["whisper"]["num_mel_bins"]).T,
            "windows": lambda: windows,
            "audio_tokens": lambda: self.audio(windows),
            "uncond_audio_tokens": lambda: self.audio(torch.zeros_like(windows)),
            "emotion_tokens": lambda: self.emotion(prior),
            "uncond_emotion_tokens": lambda: self.emotion(torch.zeros_like(prior)),
        }


TOLERANCES = {"mel": 1e-4, "windows": 1e-5}
HEARD = re.compile(
    r"out/([a-z]+)(\d*)_((?:uncond_)?(?:mel|windows|audio_tokens|emotion_tokens))_?(\w*)"
)


def audio_windows(f: Fixture) -> Iterator[Compared]:
    listener = Listener.of(f)
    heard: dict[str, dict[str, Callable[[], Tensor]]] = {}
    for key in (key for key in f.tensors if key.startswith("out/")):
        match = HEARD.fullmatch(key)
        if match is None:
            raise ValueError(f"{f.name}: do not know what {key} is")
        case, limit, what, part = match.groups()
        if case + limit not in heard:
            heard[case + limit] = listener.hear(f, _wav(f, case), int(limit) if limit else None)
        got = _cut(heard[case + limit][what](), part)
        yield f.compare(key, got.T if what == "mel" else got, TOLERANCES.get(what, 1e-4))


def pictures(f: Fixture) -> Iterator[Compared]:
    area = f.about.get("area", preprocess.MASK_AREA)
    for name, case in f.about["cases"].items():
        image, size = (
            f.tensors[f"in/{name}_image"].numpy(),
            (case["image_wh"][0], case["image_wh"][1]),
        )
        face = preprocess.PixelBox.from_xywh(*case["bbox_xywh"])
        fitted = preprocess.fit_reference_size(size, case["image_size"])
        yield _same(f"{name} out_hw", case["out_hw"], [fitted[1], fitted[0]])
        crop = preprocess.crop_square(size, face)
        yield _same(
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
            told = torch.stack((pixels.mean((1, 2)), pixels.std((1, 2))))
            yield f.compare(f"out/{name}_clip_mean_std", told, 1e-5)


def boxes_and_sizes(f: Fixture) -> Iterator[Compared]:
    for number, case in enumerate(f.about["process_bbox"]):
        left, top, right, bottom = case["bbox_xyxy"]
        face = preprocess.PixelBox(left=left, top=top, right=right, bottom=bottom)
        crop = preprocess.crop_square((case["w"], case["h"]), face, expand=case["ratio"])
        yield _same(
            f"crop {number}", case["square"], [crop.left, crop.top, crop.right, crop.bottom]
        )
    for case in f.about["resize_rule"]:
        fitted = preprocess.fit_reference_size((case["w"], case["h"]), case["image_size"])
        yield _same(f"size {case['w']}x{case['h']}", [case["new_w"], case["new_h"]], list(fitted))


def face_detector(f: Fixture) -> Iterator[Compared]:
    for name, case in f.about["cases"].items():
        size = (case["image_wh"][0], case["image_wh"][1])
        given = detector.make_network_input(f.tensors[f"in/{name}_bgr"].numpy())
        yield f.compare(f"out/{name}_net_input_q8", given[..., ::8, ::8], 1e-3)
        grids = detector.make_network_grids(detector.fit_network_size(size))
        yield _same(f"{name} grids", case["grids"], [list(grid.shape) for grid in grids])
        found = detector.decode_detections(f.tensors[f"in/{name}_pred"], size=size)
        boxes = np.array([[d.box.left, d.box.top, d.box.width, d.box.height] for d in found])
        yield f.compare(f"out/{name}_boxes_xywh", boxes, 1e-3)
        yield f.compare(f"out/{name}_landmarks", np.stack([d.landmarks for d in found]), 1e-3)
        yield f.compare(f"out/{name}_scores", np.array([d.score for d in found]), 1e-3)
        areas = [d.area for d in found]
        yield _same(f"{name} largest", case["true_largest"], detector.choose_largest(areas))
        chosen = detector.choose_largest(areas, as_reference=True)
        yield _same(
            f"{name} largest as reference", case["maxface_index_chosen_by_reference"], chosen
        )
        yield f.compare(f"out/{name}_maxface_box", boxes[chosen], 1e-3)


def pipeline(f: Fixture) -> Iterator[Compared]:
    heard = f.neighbour("whisper/audio/emotion")
    networks = _networks(f, f.neighbour("unet"), heard)
    first = f.about["cases"]["A"]
    image = f.tensors["in/image"].numpy()
    size = (image.shape[1], image.shape[0])
    fitted = preprocess.fit_reference_size(size, first["image_size"])
    picture = preprocess.resize(image, fitted)
    face = preprocess.PixelBox.from_xywh(*first["bbox_xywh"])
    mask = preprocess.to_unit(preprocess.resize(preprocess.draw_face_mask(size, face), fitted))
    windows = speech.cut_reference_windows(
        speech.extract_hard_features(networks.whisper, _float(f.tensors["in/wav_i16"]))
    )
    pixels = preprocess.to_clip_pixels(picture)
    told = torch.stack((pixels.mean((1, 2)), pixels.std((1, 2))))
    ready = {"mid/ref": preprocess.to_signed(picture), "mid/clip_pixels_mean_std": told}
    yield from (f.compare(key, value, 1e-5) for key, value in ready.items() if key in f.tensors)
    for letter, case in f.about["cases"].items():
        prefix = "" if letter == "A" else f"{letter}_"
        strength = case.get("noise_aug_strength", 0)
        noise = f.tensors.get(f"in/{prefix}noise_augmentation")
        portrait = networks.encode_portrait(
            preprocess.to_signed(picture),
            mask=mask,
            clip_pixels=pixels,
            augmentation=strength * noise[0] if strength and noise is not None else None,
        )
        if letter == "A":
            yield from _prepared(f, networks, portrait, mask, windows)
        yield from _sampled(f, networks, portrait, windows, (prefix, case))


def _prepared(
    f: Fixture, networks: engine.DiceNetworks, portrait: engine.EncodedPortrait, mask: Tensor, windows: Tensor
) -> Iterator[Compared]:
    audio = networks.encode_audio(windows).table.sets
    answers = {
        "mid/mask": mask,
        "mid/audio_tokens": audio[1:],
        "mid/uncond_audio_tokens": audio[:1],
        "mid/emotion_tokens": networks.encode_emotion(f.tensors["in/mu"]).table.sets[1:],
        "mid/uncond_emotion_tokens": networks.encode_emotion(f.tensors["in/mu"]).table.sets[:1],
        "mid/clip_embeds": portrait.clip.sets[1],
        "mid/image_latents": portrait.latent,
        "mid/pose_fea": portrait.pose,
    }
    yield from (f.compare(key, value, 1e-4) for key, value in answers.items() if key in f.tensors)


def _sampled(
    f: Fixture,
    networks: engine.DiceNetworks,
    portrait: engine.EncodedPortrait,
    windows: Tensor,
    named: tuple[str, Json],
) -> Iterator[Compared]:
    prefix, case = named
    frames, window = case["num_frames"], case["frames_per_batch"]
    plan = _plan(networks, case)
    told = engine.condition_clip(
        portrait,
        networks.encode_audio(windows[:frames], silent_after=window),
        networks.encode_emotion(f.tensors["in/mu"].expand(frames, -1), silent_after=window),
        (float(case["fps"]), float(case["motion_bucket_id"]), float(case["motion_bucket_id_exp"])),
    )
    noise = f.tensors[f"in/{prefix}noise_latents"][0]
    job = sampling.DenoiseJob(told, v_prediction.add_noise(portrait.scaled, noise, plan.schedule.sigmas[0]))
    seen: list[sampling.WindowStep] = []
    given: list[tuple[Tensor, Tensor]] = []
    handle = networks.unet.register_forward_hook(
        lambda _, told, answer: given.append((told[0], answer))
    )
    sampling.denoise(networks.unet, [job], plan, observe=seen.append)
    handle.remove()
    answers: dict[str, tuple[Tensor, float]] = {
        f"mid/{prefix}guided_v": (torch.stack([s.v for s in seen]), 1e-3),
        f"mid/{prefix}unet_in_first2": (torch.stack([x for x, _ in given[:2]]), 1e-4),
        f"mid/{prefix}unet_out_first2": (torch.stack([v for _, v in given[:2]]), 1e-4),
        f"out/{prefix}latents": (job.latents, 5e-4),
    }
    yield from (
        f.compare(key, value, limit) for key, (value, limit) in answers.items() if key in f.tensors
    )
    if f"mid/{prefix}window_latents" in f.tensors:
        moved = torch.stack([s.latents for s in seen])
        yield f.compare(f"mid/{prefix}window_latents", moved, 1e-3, relative=True)
    if f"out/{prefix}video" in f.tensors:
        decoded = list(
            vision.decode_seamed(networks.vae, job.latents, chunk=case["decode_chunk_size"])
        )
        yield f.compare(f"out/{prefix}video", torch.stack(decoded[:frames], 1), 2e-4)


KINDS: dict[str, Callable[[Fixture], Iterator[Compared]]] = {
    "audio_proj": audio_projection,
    "audio_windows": audio_windows,
    "bbox_and_sizes": boxes_and_sizes,
    "emotion_model": emotion_model,
    "ip_attention": cross_attention,
    "mask_downsample": mask_grids,
    "pipeline": pipeline,
    "pose_guider": pose_guider,
    "preprocess": pictures,
    "rife": interpolation,
    "scheduler": scheduler,
    "unet": unet,
    "yolo_postprocess": face_detector,
}


def _audio_sizes(config: Json) -> AudioSizes:
    return AudioSizes(
        rows=config["seq_len"],
        layers=config["blocks"],
        channels=config["channels"],
        hidden=config["intermediate_dim"],
        tokens=config["context_tokens"],
        dim=config["output_dim"],
    )


def _emotion_sizes(config: Json) -> EmotionSizes:
    return EmotionSizes(
        prior=config["feat"],
        hidden=config["inter"],
        tokens=config["tokens"],
        dim=config["D"],
        bank=config["codebook"],
        heads=config["heads"],
        feature=config["ncls_in"],
    )


def _pose_sizes(config: Json) -> PoseSizes:
    return PoseSizes(
        inputs=config["conditioning_channels"],
        channels=tuple(config["block_out_channels"]),
        outputs=config["conditioning_embedding_channels"],
    )


def _unet(f: Fixture) -> DiceUNet:
    network = DiceUNet.build(f.about["config"], adapters=len(f.about.get("ip_tokens", (32, 32))))
    f.fill(network)
    return network


def _networks(f: Fixture, unet_fixture: Fixture, heard: Fixture) -> engine.DiceNetworks:
    listener = Listener.of(heard)
    pose = PoseGuider(_pose_sizes(f.about["pose_guider"]))
    sizes = DiceSizes(
        audio=_audio_sizes(heard.about["audio_proj"]),
        emotion=_emotion_sizes(heard.about["emotion"]),
        pose=_pose_sizes(f.about["pose_guider"]),
        scheduler=f.about["scheduler"],
    )
    vae, clip = vision.build_autoencoder(f.about["vae"]), vision.build_image_encoder(f.about["clip"])
    for module, prefix in ((pose, "w/pose."), (vae, "w/vae."), (clip, "w/clip.")):
        f.fill(module, prefix)
    return engine.DiceNetworks(
        sizes,
        listener.encoder,
        listener.audio,
        listener.emotion,
        pose,
        _unet(unet_fixture),
        vae,
        clip,
        Interpolator(16),
        torch.zeros(len(LABELS), sizes.emotion.prior),
    )


def _plan(networks: engine.DiceNetworks, case: Json) -> sampling.DenoisePlan:
    appearance, told = (
        (case["guidance"][:2], case["guidance"][2:])
        if "guidance" in case
        else (case["guidance1"], case["guidance2"])
    )
    steps = case["steps"] if "steps" in case else case["num_inference_steps"]
    levels = schedule.Schedule.of(networks.sizes.scheduler, steps)
    return sampling.DenoisePlan(
        schedule=levels.last(case.get("i2i_noise_strength", 1.0)),
        guidance=guidance.Guidance(
            appearance=_ramp(appearance), audio=_ramp(told), emotion=_ramp(told)
        ),
        window=case["frames_per_batch"],
        shift=case["shift_offset"],
        overlap=case["overlap"],
        circular=True,
        images_per_run=case["frames_per_batch"],
    )


def _ramp(ends: list[float]) -> guidance.Ramp:
    return float(ends[0]), float(ends[1])


def _wav(f: Fixture, case: str) -> np.ndarray:
    stored = [key for key in f.tensors if key.startswith("in/wav_")]
    if match := re.search(r"synth_wav\(([\d.]+)\)", f.about.get(f"wav_{case}", "")):
        return _synthetic(float(match[1]))
    key = f"in/wav_{case}_i16"
    return _float(f.tensors[key if key in f.tensors else stored[0]])


def _synthetic(seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * speech.SAMPLE_HZ)) / speech.SAMPLE_HZ
    turn = 2 * np.pi
    voice = (
        0.4
        * np.sin(turn * (140 * t + 3 * np.sin(turn * 2.1 * t)))
        * (0.5 + 0.5 * np.sin(turn * 3.3 * t))
    )
    voice += 0.1 * np.sin(turn * (900 + 200 * np.sin(turn * 0.7 * t)) * t)
    return _float(torch.from_numpy(np.round(voice * 32767 * 0.8).astype(np.int16)))


def _float(wav: Tensor) -> np.ndarray:
    return wav.numpy().astype(np.float32) / 32768


def _cut(values: Tensor, part: str) -> Tensor:
    if match := re.fullmatch(r"first_?(\d*)", part):
        return values[: int(match[1] or 1)]
    if match := re.fullmatch(r"last_?(\d*)", part):
        return values[-int(match[1] or 1) :]
    if match := re.fullmatch(r"(\d+)_(\d+)", part):
        return values[int(match[1]) : int(match[2])]
    return values


def _grid(mask: Tensor, pixels: int) -> tuple[int, int]:
    height, width = mask.shape[-2:]
    factor = math.isqrt(height * width // pixels)
    return height // factor, width // factor


def _same(name: str, wanted: object, got: object) -> Compared:
    return Compared(name, 0.0 if wanted == got else math.inf, 0)


def _keeper(seen: dict[str, Tensor], name: str) -> Callable[..., None]:
    def keep(_: nn.Module, __: object, answer: Tensor | tuple[Tensor, ...]) -> None:
        seen[name] = (answer if isinstance(answer, Tensor) else answer[0]).clone()

    return keep
