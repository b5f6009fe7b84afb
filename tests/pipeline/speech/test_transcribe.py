# SPDX-License-Identifier: Apache-2.0
"""Words of a recording, and the models that recognise them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile as sf
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from manifests.errors import InputError
from manifests.timebase import ANALYSIS_HZ
from model import weights
from pipeline.speech import ingest, transcribe
from tests.pipeline.speech.named_pipeline import make_named_pipeline
from tests.pipeline.speech.test_diarize import _on_the_telephone
from tests.pipeline.speech.test_named_models import SAMPLE

TELEPHONE = Path(str(find_spec("pyannote.audio").origin)).parent / "sample" / "sample.wav"  # type: ignore[union-attr]


def test_the_english_recogniser_does_not_pretend_to_know_other_languages() -> None:
    assert transcribe.knows_language(transcribe.TranscriptionSettings(language="en-GB"))
    assert not transcribe.knows_language(transcribe.TranscriptionSettings(language="de"))


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(0.0, id="clear enough"),
        pytest.param(0.07, id="so noisy that the recogniser guesses", marks=pytest.mark.proof),
    ],
)
def test_the_same_sound_gives_the_same_words_whatever_the_threads(
    noise: float, tmp_path: Path
) -> None:
    recording = _on_the_telephone(tmp_path, noise=noise)
    words = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            words.append(
                transcribe.transcribe(
                    [recording], root=tmp_path, settings=transcribe.TranscriptionSettings()
                )
            )
    assert len(words[0]) > 10
    assert words[0] == words[1]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_named_pipeline(tmp_path_factory.mktemp("models") / "community")


def _recogniser(folder: Path) -> Path:
    """The packaged recogniser under another name."""
    folder.mkdir(parents=True)
    for file in weights.locate("whisper-tiny-en").iterdir():
        (folder / file.name).symlink_to(file)
    return folder


def test_a_named_recogniser_hears_what_the_same_packaged_one_hears(tmp_path: Path) -> None:
    _recogniser(tmp_path / "tiny")
    sound, _ = sf.read(SAMPLE, dtype="int16")
    sf.write(tmp_path / "short.wav", sound[6 * ANALYSIS_HZ : 14 * ANALYSIS_HZ], ANALYSIS_HZ)
    recording = ingest.ingest(
        tmp_path / "short.wav", order=0, offset_samples=0, root=tmp_path, folder=tmp_path
    )
    named = transcribe.TranscriptionSettings(
        model=transcribe.resolve_recogniser("tiny", folder=tmp_path)
    )
    heard = [
        [
            (word.text, word.start)
            for word in transcribe.transcribe([recording], root=tmp_path, settings=settings)
        ]
        for settings in (named, transcribe.TranscriptionSettings())
    ]
    assert heard[0] == heard[1]
    assert len(heard[0]) > 5


def test_a_named_recogniser_is_known_by_its_bytes(tmp_path: Path) -> None:
    one, other = (
        transcribe.TranscriptionSettings(model=str(_recogniser(tmp_path / name)))
        for name in ("a", "b")
    )
    assert transcribe.key([], one) == transcribe.key([], other)
    (tmp_path / "b" / "config.json").unlink()
    (tmp_path / "b" / "config.json").write_text("{}")
    assert transcribe.key([], one) != transcribe.key([], other)


def test_which_languages_a_recogniser_knows_is_read_from_its_tokens(tmp_path: Path) -> None:
    folder = _recogniser(tmp_path / "many")
    (folder / "vocabulary.txt").unlink()
    tokens = [f"t{i}" for i in range(51_863)] + ["<|en|>", "<|de|>"]
    (folder / "vocabulary.json").write_text(json.dumps(tokens))
    known = {
        tongue: transcribe.describe_unknown_language(
            transcribe.TranscriptionSettings(language=tongue, model=str(folder))
        )
        for tongue in ("de-CH", "en", "xx")
    }
    assert (known["de-CH"], known["en"]) == ("", "")
    assert "'many' does not know the language 'xx'" in known["xx"]


def test_an_english_recogniser_says_that_it_does_not_know_german(tmp_path: Path) -> None:
    for model in ("", str(_recogniser(tmp_path / "tiny"))):
        said = transcribe.describe_unknown_language(
            transcribe.TranscriptionSettings(language="de", model=model)
        )
        assert "does not know the language 'de'" in said
        with pytest.raises(InputError, match="'de'"):
            transcribe.transcribe(
                [],
                root=tmp_path,
                settings=transcribe.TranscriptionSettings(language="de", model=model),
            )


@pytest.mark.parametrize(
    "missing", ["model.bin", "config.json", "tokenizer.json", "vocabulary.txt"]
)
def test_a_recogniser_that_is_not_whole_is_refused(tmp_path: Path, missing: str) -> None:
    folder = _recogniser(tmp_path / "tiny")
    (folder / missing).unlink()
    with pytest.raises(InputError, match=f"no {missing.partition('.')[0]}"):
        transcribe.resolve_recogniser("tiny", folder=tmp_path)
