# SPDX-License-Identifier: Apache-2.0
"""Compare the whole DICE-Talk pipeline with its golden fixture: from picture and sound to video."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.dice_fixture_inputs import (
    Listener,
    build_unet,
    read_audio_sizes,
    read_emotion_sizes,
    read_pose_sizes,
    to_float,
)
from benchmarks.golden import Compared, Fixture, Json
from model import v_prediction
from model.dice import engine, guidance, preprocess, sampling, schedule, speech, vision
from model.dice.config import DiceSizes
from model.dice.interpolate import Interpolator
from model.dice.pose import PoseGuider
from model.emotion import LABELS


def compare_pipeline(f: Fixture) -> Iterator[Compared]:
    audio_fixture = f.neighbour("whisper/audio/emotion")
    networks = _build_networks(f, f.neighbour("unet"), audio_fixture)
    first = f.about["cases"]["A"]
    image = f.tensors["in/image"].numpy()
    size = (image.shape[1], image.shape[0])
    fitted = preprocess.fit_reference_size(size, first["image_size"])
    picture = preprocess.resize(image, fitted)
    face = preprocess.PixelBox.from_xywh(*first["bbox_xywh"])
    mask = preprocess.to_unit(preprocess.resize(preprocess.draw_face_mask(size, face), fitted))
    windows = speech.cut_reference_windows(
        speech.extract_hard_features(networks.whisper, to_float(f.tensors["in/wav_i16"]))
    )
    pixels = preprocess.to_clip_pixels(picture)
    conditions = torch.stack((pixels.mean((1, 2)), pixels.std((1, 2))))
    ready = {"mid/ref": preprocess.to_signed(picture), "mid/clip_pixels_mean_std": conditions}
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
            yield from _compare_inputs(f, networks, portrait, mask, windows)
        yield from _compare_samples(f, networks, portrait, windows, (prefix, case))


def _compare_inputs(
    f: Fixture,
    networks: engine.DiceNetworks,
    portrait: engine.EncodedPortrait,
    mask: Tensor,
    windows: Tensor,
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


def _compare_samples(
    f: Fixture,
    networks: engine.DiceNetworks,
    portrait: engine.EncodedPortrait,
    windows: Tensor,
    named: tuple[str, Json],
) -> Iterator[Compared]:
    prefix, case = named
    frames, window = case["num_frames"], case["frames_per_batch"]
    plan = _read_plan(networks, case)
    conditions = engine.condition_clip(
        portrait,
        networks.encode_audio(windows[:frames], silent_after=window),
        networks.encode_emotion(f.tensors["in/mu"].expand(frames, -1), silent_after=window),
        (float(case["fps"]), float(case["motion_bucket_id"]), float(case["motion_bucket_id_exp"])),
    )
    noise = f.tensors[f"in/{prefix}noise_latents"][0]
    job = sampling.DenoiseJob(
        conditions, v_prediction.add_noise(portrait.scaled, noise, plan.schedule.sigmas[0])
    )
    seen: list[sampling.WindowStep] = []
    calls: list[tuple[Tensor, Tensor]] = []
    handle = networks.unet.register_forward_hook(
        lambda _, conditions, answer: calls.append((conditions[0], answer))
    )
    sampling.denoise(networks.unet, [job], plan, observe=seen.append)
    handle.remove()
    answers: dict[str, tuple[Tensor, float]] = {
        f"mid/{prefix}guided_v": (torch.stack([s.v for s in seen]), 1e-3),
        f"mid/{prefix}unet_in_first2": (torch.stack([x for x, _ in calls[:2]]), 1e-4),
        f"mid/{prefix}unet_out_first2": (torch.stack([v for _, v in calls[:2]]), 1e-4),
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


def _build_networks(
    f: Fixture, unet_fixture: Fixture, audio_fixture: Fixture
) -> engine.DiceNetworks:
    listener = Listener.of(audio_fixture)
    pose = PoseGuider(read_pose_sizes(f.about["pose_guider"]))
    sizes = DiceSizes(
        audio=read_audio_sizes(audio_fixture.about["audio_proj"]),
        emotion=read_emotion_sizes(audio_fixture.about["emotion"]),
        pose=read_pose_sizes(f.about["pose_guider"]),
        scheduler=f.about["scheduler"],
    )
    vae, clip = (
        vision.build_autoencoder(f.about["vae"]),
        vision.build_image_encoder(f.about["clip"]),
    )
    for module, prefix in ((pose, "w/pose."), (vae, "w/vae."), (clip, "w/clip.")):
        f.fill(module, prefix)
    return engine.DiceNetworks(
        sizes,
        listener.encoder,
        listener.audio,
        listener.emotion,
        pose,
        build_unet(unet_fixture),
        vae,
        clip,
        Interpolator(16),
        torch.zeros(len(LABELS), sizes.emotion.prior),
    )


def _read_plan(networks: engine.DiceNetworks, case: Json) -> sampling.DenoisePlan:
    appearance, conditions = (
        (case["guidance"][:2], case["guidance"][2:])
        if "guidance" in case
        else (case["guidance1"], case["guidance2"])
    )
    steps = case["steps"] if "steps" in case else case["num_inference_steps"]
    levels = schedule.Schedule.of(networks.sizes.scheduler, steps)
    return sampling.DenoisePlan(
        schedule=levels.last(case.get("i2i_noise_strength", 1.0)),
        guidance=guidance.Guidance(
            appearance=_ramp(appearance), audio=_ramp(conditions), emotion=_ramp(conditions)
        ),
        window=case["frames_per_batch"],
        shift=case["shift_offset"],
        overlap=case["overlap"],
        circular=True,
        images_per_run=case["frames_per_batch"],
    )


def _ramp(ends: list[float]) -> guidance.Ramp:
    return float(ends[0]), float(ends[1])
