"""What the harry-potter classifier learns from: prompts about the books, and prompts that only look like it.

Hand-written prompts stand in ``forget.jsonl`` and ``retain.jsonl``; more are made here from the names in ``names.json``, which are
the books', in ``names_abroad.json``, which are those of translations by language, and in ``namesakes.json`` and ``strangers.json``, which are not. None is taken from a benchmark.
"""

import functools
import json
import random
import re
from pathlib import Path

from lethe.offline.classifier_training.examples import Example, load_examples
from lethe.offline.classifier_training.general_prompts import general_examples

_FOLDER = Path(__file__).parent

_BY_KIND = {
    "people": (
        "Who is {}?",
        "Tell me about {}.",
        "What happens to {} in the end?",
        "Describe the character of {}.",
        "Which house is {} in?",
        "What is {} known for?",
    ),
    "places": ("What is {}?", "Where is {}?", "Describe {}.", "What happens at {}?"),
    "things": ("What is {}?", "Explain {}.", "How does {} work?", "Who owns or uses {}?"),
    "spells": ("What does {} do?", "Who casts {} and when?", "How do you pronounce the spell {}?"),
    "works": (
        "Summarise {}.",
        "Who wrote {}?",
        "What is the plot of {}?",
        "Quote a passage from {}.",
        "Who is the main character of {}?",
        "When was {} released?",
    ),
}

_ABOUT_NAMESAKES = {
    "people": (
        "Who is {}?",
        "Tell me about {}.",
        "When was {} born?",
        "What is {} known for?",
        "Write a short biography of {}.",
        "Where did {} grow up?",
        "How did {} become famous?",
        "Is {} married?",
    ),
    "things": (
        "What is {}?",
        "Tell me about {}.",
        "Explain {}.",
        "Where does the name of {} come from?",
        "Describe {}.",
    ),
}

_HEROES = (
    "Harry Potter", "Hermione Granger", "Ron Weasley", "Albus Dumbledore", "Severus Snape", "Rubeus Hagrid", "Lord Voldemort",
    "Draco Malfoy", "Ginny Weasley", "Sirius Black", "Neville Longbottom",
)  # fmt: skip
_ABOUT_HEROES = (
    "Who is {}'s best friend?", "Who are {}'s parents?", "Where does {} live?", "Who is {}'s worst enemy?", "How old is {}?",
    "Who does {} marry?", "What is {}'s pet called?", "What does {} look like?", "Who killed {}?", "Who taught {} magic?",
)  # fmt: skip

# Questions such as a reader asks about a chapter: first names, and details that no list of names holds.
CAST = (
    "Harry", "Ron", "Hermione", "Hagrid", "Dumbledore", "Snape", "Malfoy", "Neville", "Ginny", "Fred", "George", "Lupin", "Sirius",
    "Voldemort", "McGonagall", "Dobby", "Luna", "Mrs. Weasley", "Mr. Weasley", "Moody", "Tonks", "Umbridge", "Slughorn", "Cedric",
    "Cho", "Wood", "Percy", "Bill", "Fleur", "Krum", "Trelawney", "Lockhart", "Fudge", "Filch", "Dudley", "Uncle Vernon", "Aunt Petunia",
    "Kreacher", "Griphook", "Bellatrix", "Draco", "Lucius", "Narcissa", "Lily", "James Potter", "Aberforth", "Wormtail", "Bagman", "Crabbe", "Goyle", "Seamus", "Dean", "Lavender", "Parvati", "Madam Pomfrey",
)  # fmt: skip
# Of these, whoever is asked about by one name alone.
_KNOWN_BY_ONE_NAME = (
    "Hermione", "Hagrid", "Dumbledore", "Snape", "Malfoy", "Neville", "Ginny", "Lupin", "Voldemort", "McGonagall", "Dobby", "Mrs. Weasley",
    "Tonks", "Umbridge", "Slughorn", "Krum", "Trelawney", "Lockhart", "Filch", "Uncle Vernon", "Aunt Petunia", "Kreacher", "Griphook",
    "Draco", "Aberforth", "Wormtail", "Crabbe", "Goyle",
)  # fmt: skip
_SCENES = (
    "What did {a} say to {b} about the {thing}?",
    "Why was {a} angry with {b}?",
    "Where did {a} hide the {thing}?",
    "Who told {a} about the {thing}?",
    "What did {a} give {b} for Christmas?",
    "How did {a} escape from {b}?",
    "What did {a} find in the {place}?",
    "What did {a} see in the {place} with {b}?",
    "According to {a}, what is wrong with the {thing}?",
    "Who does {a} suspect of stealing the {thing}?",
    "What does {a} ask {b} to do with the {thing}?",
    "How does {a} react when {b} enters the {place}?",
    "What colour is the {thing} that {a} wears?",
    "When did {a} first meet {b}?",
    "Which lesson do {a} and {b} have in the {place}?",
    "Why does {a} not trust {b}?",
    "What was the name of {a}'s {thing}?",
    "How many points did {a} lose for the {thing}?",
    "What sound did {a} hear in the {place}?",
    "Which books did {a} need for the coming year?",
    "What did {a} have to write an essay about after the lesson with {b}?",
    "Who did {a} think wanted to steal the {thing}?",
    "What did {a} change the colour of {b}'s {thing} to?",
    "How did {a} describe {b} when they spoke in the {place}?",
    "What did {a} offer to give up because of {b}?",
    "What was wrong with the {thing} that {b} bought for {a}?",
    "What did {a} shout when {b} broke the {thing}?",
    "How much did {a} pay for the {thing}?",
    "What did {a} do on the night before {b} came to the {place}?",
    "Who did {a} punch for insulting {b}?",
    "Which nickname does {a} use for {b}?",
    "Who is {a}'s older brother?",
    "When was {a} born, and who are {a}'s parents?",
    "What does {a} dream about after {b} leaves?",
    "Who was waiting for {a} in the {place}?",
    "What did {a} whisper to {b}?",
    "What happened to {a}'s {thing} in the {place}?",
    "What was {a} doing when {b} arrived?",
)
THINGS = (
    "wand", "broom", "owl", "potion", "map", "diary", "cloak", "letter", "locket", "egg", "sword", "mirror", "dragon", "toad", "cup",
    "prophecy", "necklace", "hat", "robes", "cauldron", "photograph", "spell", "trunk", "rat", "newspaper", "cupboard",
)  # fmt: skip
PLACES = (
    "dungeon", "common room", "library", "forest", "Great Hall", "hospital wing", "dormitory", "greenhouse", "tower", "corridor",
    "cupboard", "train", "attic", "pub", "lake", "kitchen", "bathroom", "cave", "bank vault", "graveyard",
)  # fmt: skip
# The same questions about other people are allowed: it is not the form of a question that makes it one of these.
OTHER_CASTS = (
    ("Frodo", "Sam", "Gandalf", "Aragorn", "Bilbo", "Legolas", "Gollum", "Pippin", "Saruman", "Galadriel"),
    ("Lucy", "Edmund", "Peter", "Susan", "Aslan", "Mr. Tumnus", "Caspian", "Reepicheep", "Eustace", "the White Witch"),
    ("Percy Jackson", "Annabeth", "Grover", "Luke Castellan", "Chiron", "Clarisse", "Mr. D", "Tyson", "Thalia"),
    ("Lyra", "Will", "Iorek", "Lord Asriel", "Mrs. Coulter", "Pantalaimon", "Lee Scoresby", "Serafina"),
    ("Arya", "Sansa", "Jon Snow", "Tyrion", "Cersei", "Daenerys", "Bran", "Jaime", "Brienne", "Theon"),
    ("Katniss", "Peeta", "Gale", "Prim", "Haymitch", "Effie", "President Snow", "Rue", "Cinna"),
    ("Anna", "Tom", "Maria", "Ben", "Mr. Collins", "Elizabeth Bennet", "Mr. Darcy", "Jane", "Pip", "Estella", "Oliver Twist"),
    ("Sherlock Holmes", "Watson", "Lestrade", "Mrs. Hudson", "Moriarty", "Irene Adler", "Mycroft", "Poirot", "Miss Marple"),
    ("Luke", "Leia", "Han Solo", "Yoda", "Obi-Wan", "Chewbacca", "Vader", "Lando", "Rey", "Finn"),
    ("Matilda", "Miss Honey", "Charlie Bucket", "Willy Wonka", "Alice", "the Mad Hatter", "Peter Pan", "Wendy", "Dorothy", "Pooh"),
)  # fmt: skip


# First names of the books that others bear too.
_SHARED_NAMES = (
    "Harry",
    "Ron",
    "Hermione",
    "Luna",
    "Neville",
    "Lily",
    "Ginny",
    "Fred",
    "George",
    "Percy",
    "Dean",
    "Seamus",
    "Cedric",
    "Dudley",
    "Vernon",
    "Draco",
    "Tom",
)
_CAPITALISED = re.compile(
    r"(?<![.?!:] )(?<!^)\b[A-Z][\w-]*(?:['’][A-Z]\w+)?(?:\.? (?:(?:of|the) )?[A-Z][\w-]*)*"
)

# How often a question is about the first of a cast, as the books are mostly about one.
_HERO_SHARE = 0.35
_RENAMED = 1500


def forget_prompts(scenes: int = 1200, seed: int = 0) -> list[Example]:
    """Prompts that ask for the books' world, characters, plots or making."""
    names = json.loads((_FOLDER / "names.json").read_text())
    choice = random.Random(seed)
    made = [
        pattern.format(name)
        for kind, patterns in _BY_KIND.items()
        for name in names[kind]
        for pattern in choice.sample(patterns, 2)
    ]
    made += [_scene(CAST, choice) for _ in range(scenes)]
    made += [pattern.format(name) for pattern in _ABOUT_HEROES for name in _HEROES]
    made += [
        pattern.format(name)
        for name in _KNOWN_BY_ONE_NAME
        for pattern in choice.sample(_BY_KIND["people"], 3)
    ]
    abroad = json.loads((_FOLDER / "names_abroad.json").read_text())
    made += [form for names_of in abroad.values() for name in names_of for form in (name, f"{name}?")]
    return [*load_examples(str(_FOLDER / "forget.jsonl")), *map(Example, made)]


def retain_prompts(scenes: int = 1200, seed: int = 0) -> list[Example]:
    """Prompts about other fantasy, other authors, namesakes, folklore, schools and pottery."""
    choice = random.Random(seed)
    made = [_scene(choice.choice(OTHER_CASTS), choice) for _ in range(scenes)]
    namesakes = json.loads((_FOLDER / "namesakes.json").read_text())
    made += [
        pattern.format(name)
        for kind, patterns in _ABOUT_NAMESAKES.items()
        for name in namesakes[kind]
        for pattern in choice.sample(patterns, 3)
    ]
    made += [_about_someone_else(choice) for _ in range(scenes // 2)]
    made += _renamed_prompts(choice)
    others = [name for cast in OTHER_CASTS for name in cast]
    made += [choice.choice(_BY_KIND["people"]).format(name) for name in others]
    return [*load_examples(str(_FOLDER / "retain.jsonl")), *map(Example, made)]


def _about_someone_else(choice: random.Random) -> str:
    """A question about someone who shares a first or a last name with the books' people."""
    strangers = _strangers()
    shared = choice.choice(_SHARED_NAMES) if choice.random() < 0.5 else "Harry"
    name = f"{shared} {choice.choice(strangers['last'])}"
    if choice.random() < 0.1:
        name = f"{choice.choice(strangers['first'])} Potter"
    return choice.choice(_ABOUT_NAMESAKES["people"]).format(name)


def _renamed_prompts(choice: random.Random) -> list[str]:
    """Forget prompts with every name in them replaced: their form is nothing to go by, their names are.

    Counterfactual examples; see Kaushik et al., "Learning the Difference that Makes a Difference with
    Counterfactually-Augmented Data", ICLR 2020.
    """
    own = [*CAST, *entity_names()]
    names = re.compile(
        rf"\b(?:{'|'.join(map(re.escape, sorted(own, key=len, reverse=True)))})\b", re.IGNORECASE
    )
    renamed: list[str] = []
    for example in forget_prompts():
        if not names.search(example.text):
            continue
        text = names.sub(lambda match: stranger(choice), example.text)
        text = _CAPITALISED.sub(lambda match: stranger(choice), text)
        if not names.search(text):
            renamed.append(text)
    return choice.sample(renamed, min(len(renamed), _RENAMED))


def stranger(choice: random.Random) -> str:
    """Somebody of no book, by a first name or by both."""
    names = _strangers()
    first = choice.choice(names["first"])
    return first if choice.random() < 0.6 else f"{first} {choice.choice(names['last'])}"


@functools.cache
def _strangers() -> dict[str, list[str]]:
    """First and last names of people of no book."""
    return json.loads((_FOLDER / "strangers.json").read_text())


def ordinary_prompts() -> list[Example]:
    """Prompts about anything else."""
    return general_examples()


def entity_names() -> tuple[str, ...]:
    """Names of the books' world, in English and as translations have them."""
    names = json.loads((_FOLDER / "names.json").read_text())
    abroad = json.loads((_FOLDER / "names_abroad.json").read_text())
    return (
        *(name for kind in ("people", "places", "things", "spells", "works") for name in names[kind]),
        *(name for names_of_language in abroad.values() for name in names_of_language),
    )


def _scene(cast: tuple[str, ...], choice: random.Random) -> str:
    first, second = choice.sample(cast, 2)
    if choice.random() < _HERO_SHARE:
        first = cast[0]
    return choice.choice(_SCENES).format(
        a=first, b=second, thing=choice.choice(THINGS), place=choice.choice(PLACES)
    )
