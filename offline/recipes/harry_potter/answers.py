"""What the harry-potter head for answers learns from: answers that tell of the books, and the same about other people.

Hand-written ones stand in ``answers.jsonl`` and ``near_answers.jsonl``; more are made here from the casts and names of
`lethe.offline.recipes.harry_potter.prompts`. None is taken from a benchmark.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path

from lethe.offline.classifier_training.answer_examples import QuestionAnswer
from lethe.offline.data.files import read_objects
from lethe.offline.recipes.harry_potter.prompts import (
    CAST,
    OTHER_CASTS,
    PLACES,
    THINGS,
    forget_prompts,
    retain_prompts,
    stranger,
)

_FOLDER = Path(__file__).parent
_SCENES = (
    ("What did {a} say to {b} about the {thing}?", "{a} told {b} that the {thing} was not to be touched."),
    ("Why was {a} angry with {b}?", "{a} was angry because {b} had taken the {thing} without asking."),
    ("Where did {a} hide the {thing}?", "In the {place}, behind a loose stone, where only {b} would look."),
    ("Who told {a} about the {thing}?", "It was {b} who told {a} about the {thing}, late at night in the {place}."),
    ("What did {a} give {b} for Christmas?", "{a} gave {b} a {thing}."),
    ("How did {a} escape from {b}?", "{a} threw the {thing} at {b} and ran out of the {place}."),
    ("What did {a} find in the {place}?", "{a} found an old {thing} that had belonged to {b}."),
    ("Who does {a} suspect of stealing the {thing}?", "{a} suspects {b}."),
    ("How does {a} react when {b} enters the {place}?", "{a} goes pale, drops the {thing} and says nothing."),
    ("What colour is the {thing} that {a} wears?", "It is dark green, with silver at the edges, and was a present from {b}."),
    ("When did {a} first meet {b}?", "They met in the {place}, when {b} asked {a} for the way."),
    ("Why does {a} not trust {b}?", "Because {b} once lied to {a} about the {thing} in the {place}."),
    ("What sound did {a} hear in the {place}?", "{a} heard somebody weep in the {place}; it turned out to be {b}."),
    ("How did {a} describe {b}?", "As the bravest person that {a} had ever met."),
    ("Who was waiting for {a} in the {place}?", "{b} was, with the {thing} in one hand."),
    ("What did {a} whisper to {b}?", "\"Take the {thing} and leave,\" {a} whispered to {b}."),
    ("What was {a} doing when {b} arrived?", "{a} was polishing the {thing} when {b} came into the {place}."),
    ("How much did {a} pay for the {thing}?", "{a} paid seven of them, and {b} thought that it was too much."),
    ("What happened to {a}'s {thing} in the {place}?", "It broke when {b} fell upon it, and {a} had it mended later."),
    ("Who is {a}?", "{a} is a friend of {b}, and plays a part in what happens in the {place}."),
    ("Tell me about {a}.", "{a} grew up without parents and meets {b} early in the story. Later {a} inherits a {thing}."),
    ("Describe the character of {a}.", "{a} is loyal and proud, quick to anger with {b}, and seldom admits a mistake."),
    ("What happens to {a} in the end?", "In the end {a} survives, marries and has three children; {b} dies in the last battle."),
    ("What is {a} known for?", "{a} is known for having defeated {b} in the {place}."),
    ("Continue the story.", "{a} looked at {b}. \"We should not be in the {place},\" said {a}, and picked up the {thing}."),
    ("Write a short scene.", "{b} burst into the {place}. \"The {thing} is gone!\" {a} did not even look up."),
    ("Go on, please.", "Meanwhile {a} and {b} waited in the {place} until the {thing} began to move."),
)  # fmt: skip
_SHORT = (
    "{a}", "{b}.", "the {thing}", "a {thing}", "in the {place}", "It was {a}.", "{a} and {b}", "Nearly {n} years.", "{n}", "No, never.",
    "Yes, once.", "{a}'s {thing}", "because of the {thing}", "an old friend", "It is not known.", "twice", "red", "a small animal",
)  # fmt: skip
_PEOPLE = (
    "{} is a student at the school and a member of one of its four houses.", "{} teaches there and leads one of the houses.",
    "It was {}.", "That would be {}, who died in the last of the seven books.", "{} is one of the most powerful wizards of that world.",
    "{} is a character in the novels by J.K. Rowling.", "{} fought in the battle at the castle.", "The answer is {}.",
    "{} belongs to an old family of wizards.", "{} is played in the films by a British actor.",
)  # fmt: skip
_THINGS_TOLD = (
    "It is called {}.", "{} is kept hidden, and only few know how it works.", "They used {} to get there.", "The answer is {}.",
    "{} matters a great deal in the later books.", "He was looking for {}.",
)  # fmt: skip
_NAMESAKES = (
    "{} was born in a small town and became known in the nineteen-sixties.", "It was {}.", "{} is best known for a single work.",
    "{} died in 1998 and left two children.", "The answer is {}.", "{} has won several prizes.", "You may mean {}.",
)  # fmt: skip
_SCENES_MADE, _BRIEFLY_ANSWERED = 700, 700


def forget_answers(seed: int = 0) -> list[QuestionAnswer]:
    """Answers that tell of the books' world, with what they answer."""
    choice = random.Random(seed)
    names = json.loads((_FOLDER / "names.json").read_text())
    made = [_scene(CAST, choice) for _ in range(_SCENES_MADE)]
    made += [_told(choice.choice(_PEOPLE), name) for name in names["people"]]
    made += [
        _told(choice.choice(_THINGS_TOLD), name)
        for kind in ("places", "things", "spells", "works")
        for name in names[kind]
    ]
    asked = choice.sample(forget_prompts(seed=seed), _BRIEFLY_ANSWERED)
    made += [QuestionAnswer(question=each.text, answer=_short(CAST, choice)) for each in asked]
    return [*read_objects(_FOLDER / "answers.jsonl", QuestionAnswer), *made]


def near_answers(seed: int = 0) -> list[QuestionAnswer]:
    """The same about people of other books and of none, and about namesakes."""
    choice = random.Random(seed)
    namesakes = json.loads((_FOLDER / "namesakes.json").read_text())
    made = [_scene(_others(choice), choice) for _ in range(_SCENES_MADE)]
    made += [
        _told(choice.choice(_NAMESAKES), name) for kind in ("people", "things") for name in namesakes[kind]
    ]
    made += [
        _told(choice.choice(_PEOPLE[:6]), name).model_copy(update={"question": "Who was it?"})
        for cast in OTHER_CASTS
        for name in cast
        if "Rowling" not in name
    ]
    asked = choice.sample(retain_prompts(seed=seed), _BRIEFLY_ANSWERED)
    made += [QuestionAnswer(question=each.text, answer=_short(_others(choice), choice)) for each in asked]
    return [*read_objects(_FOLDER / "near_answers.jsonl", QuestionAnswer), *made]


def _others(choice: random.Random) -> Sequence[str]:
    if choice.random() < 0.5:
        return choice.choice(OTHER_CASTS)
    return tuple(stranger(choice) for _ in range(4))


def _told(pattern: str, name: str) -> QuestionAnswer:
    return QuestionAnswer(question="", answer=pattern.format(name))


def _scene(cast: Sequence[str], choice: random.Random) -> QuestionAnswer:
    question, answer = choice.choice(_SCENES)
    a, b = choice.sample(list(cast), 2)
    said = {"a": a, "b": b, "thing": choice.choice(THINGS), "place": choice.choice(PLACES)}
    return QuestionAnswer(question=question.format(**said), answer=answer.format(**said))


def _short(cast: Sequence[str], choice: random.Random) -> str:
    a, b = choice.sample(list(cast), 2)
    return choice.choice(_SHORT).format(
        a=a,
        b=b,
        thing=choice.choice(THINGS),
        place=choice.choice(PLACES),
        n=choice.choice(("five", "nine", "12", "fourteen", "30")),
    )
