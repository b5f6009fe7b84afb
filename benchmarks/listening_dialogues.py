# SPDX-License-Identifier: Apache-2.0
"""The dialogues of the listening corpus: texts, voices, and what actors do with the script.

`listening_corpus` speaks and mixes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEXTS = (
    "I did not expect to see you here tonight.",
    "Nobody told me the meeting had moved.",
    "Put the box on the table and step away from it.",
    "You said the same thing last year, and the year before.",
    "Is that what you call an apology?",
    "The train leaves at half past nine, with or without you.",
    "Please. Just listen to me for one minute.",
    "We have been through worse than this, haven't we?",
    "My grandmother planted that tree with her own hands.",
    "Give me the key. Give it to me now.",
    "There is something moving behind the curtain.",
    "If the bridge is closed, we take the mountain road.",
    "I heard the whole story from the baker.",
    "She never answered a single one of my letters.",
    "That was the best soup I have ever eaten in my life.",
    "Do not look at me like that.",
    "The doctor thinks it is only a bad dream.",
    "Somebody painted the door green while we were away.",
    "We need more rope, two lanterns, and a good map.",
    "How long have you known about the money?",
    "Every window in this house is open, and it is freezing.",
    "Let the children sleep. They have a long day tomorrow.",
    "I would rather walk home in the rain.",
    "He sold the boat and bought a piano instead.",
    "Turn around slowly and tell me what you see.",
    "It smells of smoke and old paper in here.",
    "They promised to repair the engine by Friday.",
    "I counted the steps. There are more of them every night.",
    "What a beautiful morning for a long walk!",
    "Your brother was always the clever one.",
    "Nothing ever happens in this town.",
    "The river took the fence and half of the garden.",
    "Tell me the truth, and I will tell you mine.",
    "Careful, the paint is still wet on that chair.",
    "I only wanted to borrow the ladder.",
    "When the music stops, everybody has to find a seat.",
    "There were three of them, and they all wore gray coats.",
    "Wake up! The whole field is on fire!",
    "You can keep the watch. It never worked anyway.",
    "This letter was written by someone else.",
    "We could open the shop again in the spring.",
    "Her voice sounded different on the telephone.",
    "The soldiers asked for water and moved on.",
    "I am not afraid of the dark, only of what is in it.",
    "Between you and me, the judge had already decided.",
    "Close the door, please. The dog is asleep.",
    "What would you do with a million dollars?",
    "He laughed so hard that he fell off the bench.",
)


SHORT = (
    "Yes.",
    "No, never.",
    "Why not?",
    "Of course.",
    "Thank you.",
    "Are you sure?",
    "Wait a moment.",
    "Come in.",
)


WRITTEN = {  # what the script says: how it is spoken
    "Dr. Reyes left town in 1998.": "Doctor Reyes left town in nineteen ninety eight.",
    "It cost me $250, and it broke on the 3rd day.": (
        "It cost me two hundred fifty dollars, and it broke on the third day."
    ),
    "Meet me at 7:30 at 42 Harbor Road.": "Meet me at seven thirty at forty two Harbor Road.",
    "Only 15% of the 1200 voters came.": "Only fifteen percent of the twelve hundred voters came.",
}


AD_LIBS = (
    "Sorry, can we go again?",
    "Okay, that was terrible. One more.",
    "Hold on, I lost my place.",
    "Was that too fast?",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialoguePlan:
    """One dialogue: voices, number of lines, and departures from the script (line numbers)."""

    name: str
    half: str
    voices: tuple[str, ...]
    lines: int
    seed: int
    skip: tuple[int, ...] = ()
    swap: tuple[int, ...] = ()  # this line and the next change places
    again: tuple[int, ...] = ()  # spoken twice, the second time counts
    ad_lib: tuple[int, ...] = ()  # something else is said after this line
    overlap: tuple[int, ...] = ()  # begins before the line before has ended
    music: bool = False


PLANS = (
    DialoguePlan(
        name="t2a",
        half="tune",
        voices=("heart", "kumo"),
        lines=14,
        seed=1,
        overlap=(5,),
        again=(8,),
        ad_lib=(7,),
    ),
    DialoguePlan(
        name="t2b",
        half="tune",
        voices=("alpha", "heart"),
        lines=14,
        seed=2,
        overlap=(4, 9),
        skip=(6,),
        music=True,
    ),
    DialoguePlan(
        name="t3a",
        half="tune",
        voices=("heart", "kumo", "alpha"),
        lines=16,
        seed=3,
        overlap=(7,),
        swap=(4,),
    ),
    DialoguePlan(
        name="t3b",
        half="tune",
        voices=("nezumi", "kumo", "elder"),
        lines=16,
        seed=4,
        again=(3, 10),
        ad_lib=(9,),
    ),
    DialoguePlan(
        name="t4a",
        half="tune",
        voices=("heart", "kumo", "alpha", "elder"),
        lines=18,
        seed=5,
        skip=(3,),
        overlap=(8, 14),
    ),
    DialoguePlan(
        name="t5a",
        half="tune",
        voices=("heart", "kumo", "alpha", "nezumi", "elder"),
        lines=22,
        seed=6,
        ad_lib=(4,),
        swap=(12,),
    ),
    DialoguePlan(
        name="r2a",
        half="report",
        voices=("gongitsune", "kumo"),
        lines=14,
        seed=11,
        overlap=(6,),
        again=(4,),
        ad_lib=(3,),
    ),
    DialoguePlan(
        name="r2b",
        half="report",
        voices=("tebukuro", "heart"),
        lines=14,
        seed=12,
        overlap=(3, 10),
        skip=(8,),
        music=True,
    ),
    DialoguePlan(
        name="r3a",
        half="report",
        voices=("gongitsune", "elder", "heart"),
        lines=16,
        seed=13,
        swap=(7,),
        overlap=(11,),
    ),
    DialoguePlan(
        name="r4a",
        half="report",
        voices=("kumo", "tebukuro", "gongitsune", "heart"),
        lines=18,
        seed=14,
        again=(6,),
        ad_lib=(5, 12),
    ),
    DialoguePlan(
        name="r4b",
        half="report",
        voices=("heart", "elder", "tebukuro", "alpha"),
        lines=18,
        seed=15,
        skip=(9,),
        overlap=(5, 12),
    ),
    DialoguePlan(
        name="r6a",
        half="report",
        voices=("heart", "kumo", "alpha", "nezumi", "gongitsune", "tebukuro"),
        lines=24,
        seed=16,
        overlap=(9,),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One utterance of a dialogue.

    `line`: its place in the script, None for an ad-lib; `counts`: it is the reading that is used.
    """

    voice: str
    text: str
    line: int | None
    counts: bool
    overlap: bool = False


def draw_script(plan: DialoguePlan) -> list[tuple[str, str]]:
    """Draw (voice, text) of the lines as written.

    Nobody speaks twice in a row, every voice speaks, and only short texts repeat.
    """
    chosen = np.random.default_rng(plan.seed)
    texts = [*chosen.permutation(TEXTS)]
    written = [*chosen.permutation(list(WRITTEN))]
    lines: list[tuple[str, str]] = []
    for number in range(plan.lines):
        others = [voice for voice in plan.voices if not lines or voice != lines[-1][0]]
        voice = plan.voices[number] if number < len(plan.voices) else str(chosen.choice(others))
        draw = chosen.random()
        if draw < 0.15 and number:
            text = str(chosen.choice(SHORT))
        elif draw < 0.25 and written:
            text = str(written.pop())
        else:
            text = str(texts.pop())
        lines.append((voice, text))
    return lines


def perform(plan: DialoguePlan) -> list[Utterance]:
    """Return the utterances in order, as the actors perform the script."""
    lines = draw_script(plan)
    chosen = np.random.default_rng(plan.seed + 1000)
    order = list(range(len(lines)))
    for place in plan.swap:
        order[place], order[place + 1] = order[place + 1], order[place]
    utterance: list[Utterance] = []
    for number in order:
        voice, text = lines[number]
        if number in plan.skip:
            continue
        if number in plan.again:
            utterance.append(Utterance(voice=voice, text=text, line=number, counts=False))
        if number in plan.ad_lib:
            utterance.append(
                Utterance(voice=voice, text=str(chosen.choice(AD_LIBS)), line=None, counts=False)
            )
        utterance.append(
            Utterance(
                voice=voice, text=text, line=number, counts=True, overlap=number in plan.overlap
            )
        )
    return utterance


def select_plans(only: str) -> list[DialoguePlan]:
    """Select the dialogues whose name begins with `only`."""
    return [plan for plan in PLANS if plan.name.startswith(only)]
