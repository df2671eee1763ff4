"""Ordinary prompts, written by hand and made from templates: what every classifier must let pass, whatever its target.

They stand for the traffic of an assistant where no better sample is given. The benchmarks' own prompts are not among them.
"""

import json
import random
from pathlib import Path

from lethe.offline.classifier_training.examples import Example
from lethe.offline.data.passages import PASSAGES

_TOPICS = """photosynthesis; compound interest; the French Revolution; black holes; sourdough bread; jazz harmony;
plate tectonics; supply and demand; the immune system; machine learning; the Roman Senate; climate change; chess openings;
vaccination; the periodic table; urban planning; meditation; electric cars; DNA replication; inflation; the water cycle;
stoicism; renewable energy; the human heart; tax brackets; Renaissance painting; quantum entanglement; gardening in clay soil;
time management; the Ottoman Empire; game theory; sleep; marathon training; operating systems; volcanoes; coffee roasting;
copyright law; the Cold War; neural networks; bird migration; public speaking; bridge engineering; cryptography; haiku;
the stock market; antibiotics; Buddhism; glaciers; typography; soccer tactics; nuclear fusion; knitting; the Silk Road;
blockchain; whales; the Great Depression; probability; film noir; bicycle maintenance; rivers of Africa; wine tasting;
the moon landing; beekeeping; linear algebra; the Olympics; dementia; solar eclipses; minimum wage; opera; honey bees;
color theory; the Industrial Revolution; recycling; salsa dancing; dinosaurs; contract law; asthma; pottery glazing;
railways in Japan; origami; the Internet of Things; Mesopotamia; negotiation; bread ovens; the Amazon rainforest""".replace(
    "\n", " "
).split("; ")

_TASKS = """sort a list of dictionaries by a key in Python; remove duplicates from a linked list; parse JSON in JavaScript;
write a SQL query that joins two tables; reverse a string in C; deploy a container to Kubernetes; fix a merge conflict in git;
read a CSV file with pandas; center a div with CSS; write a regular expression for phone numbers; set up a cron job;
find the longest common subsequence; implement binary search; profile a slow function; mock an HTTP call in a test;
cook rice without a rice cooker; remove a coffee stain from a shirt; change a bicycle tyre; prepare for a job interview;
write a cover letter for a nurse; plan a week of vegetarian dinners; organise a small wedding; learn Spanish in six months;
train for a half marathon; save money on groceries; repot an orchid; descale a kettle; write a eulogy for my grandfather;
choose a mattress; negotiate a salary; teach a child to swim; build a bookshelf; clean a cast iron pan; pack for a two-week trip;
reduce noise in an apartment; take better photographs at night; back up a phone; start a podcast; house-train a puppy;
set goals for the new year; improve my handwriting; write a thank-you note to a teacher; calculate the area of a trapezoid;
convert Celsius to Fahrenheit; solve a quadratic equation; integrate x squared times e to the x; compute a standard deviation""".replace(
    "\n", " "
).split("; ")

_FACTS = """What is the capital of {}?; Which currency is used in {}?; What is the largest city in {}?;
Who is the head of state of {}?; What is the national dish of {}?; Which languages are spoken in {}?;
When did {} become independent?; What is the highest mountain in {}?; Name three rivers in {}.;
What should I see in {} in five days?; Which countries border {}?; What is the population of {}?""".replace(
    "\n", " "
).split("; ")

_COUNTRIES = """Portugal; Kenya; Japan; Peru; Norway; Egypt; Canada; Vietnam; Greece; Chile; Morocco; Poland; India; Kuwait;
Taiwan; Brazil; Iceland; Turkey; Mexico; Ethiopia; Australia; South Korea; Ireland; Thailand; Argentina; Pakistan; Finland;
Nigeria; Spain; New Zealand; Azerbaijan; Kazakhstan; Israel; Iran; Colombia; Hungary; China; Ghana; Italy; Ukraine""".replace(
    "\n", " "
).split("; ")

_AUTHORS = """Jane Austen; Leo Tolstoy; Toni Morrison; Gabriel Garcia Marquez; Haruki Murakami; Chinua Achebe; Virginia Woolf;
Ernest Hemingway; Agatha Christie; Mark Twain; Charles Dickens; Emily Dickinson; Franz Kafka; Pablo Neruda; Homer; Dante;
William Shakespeare; George Orwell; Margaret Atwood; Isabel Allende; Jorge Luis Borges; Fyodor Dostoevsky; Zadie Smith;
Kazuo Ishiguro; Ursula K. Le Guin; J.R.R. Tolkien; C.S. Lewis; Terry Pratchett; Neil Gaiman; Roald Dahl; Philip Pullman;
Stephen King; Arthur Conan Doyle; Mary Shelley; Oscar Wilde; Rabindranath Tagore; Octavia Butler; Victor Hugo; Maya Angelou""".replace(
    "\n", " "
).split("; ")

_AUTHOR_QUESTIONS = """Who is {}?; Which book made {} famous?; When was {} born?; What themes run through the work of {}?;
Recommend a first book by {}.; Compare {} with a contemporary.; Did {} win the Nobel Prize?;
What influenced the writing of {}?; Summarise the best-known work by {}.; In which city did {} live?;
How did the parents of {} shape the author's career?; Which awards has {} received?""".replace(
    "\n", " "
).split("; ")

_TOPIC_QUESTIONS = """Explain {} to a ten-year-old.; Write a short essay about {}.; What are common misconceptions about {}?;
Give me a quiz with five questions on {}.; Summarise the history of {} in two paragraphs.; Why does {} matter today?;
Write a limerick about {}.; List three good books about {}.; What would an expert on {} say to a beginner?;
Draft a tweet about {}.; What does the term '{}' refer to?; In the field of {}, what does 'foundation' mean?; Translate a sentence about {} into French.; Pros and cons of studying {}?;
I have an exam on {} tomorrow, help me revise.; Write a dialogue in which two friends argue over {}.""".replace(
    "\n", " "
).split("; ")

_TASK_QUESTIONS = """How do I {}?; What is the best way to {}?; Show me step by step how to {}.;
I need to {}. Where do I begin?; Can you help me {}?; My attempt to {} failed. What could be wrong?""".replace(
    "\n", " "
).split("; ")

_PLAIN = """hi; hello there; thanks, that helps; ok; continue; please try again; what do you mean?; make it shorter; and then?;
rewrite that more formally; can you double-check?; what time is it?; tell me a joke; who are you?; what can you do?; yes please;
write a poem about autumn; translate 'good morning' into Italian; what is 17 times 23?; is a tomato a fruit?;
Three friends share 48 marbles equally. How many does each get?; Anna is taller than Ben and Ben is taller than Cleo. Who is the shortest?;
A train leaves at 9:10 and arrives at 11:45. How long is the journey?; Which is heavier, a kilo of iron or a kilo of wool?;
Tom has three brothers and each brother has one sister. How many sisters are there?; If all cats are animals, are all animals cats?;
You walk past a red door, a blue door and a green door. Which is the second?; Roll two dice. What are the odds of a seven?;
Extract the names from: 'Maria met Paul and Zoe in Rome.'; Classify this review as positive or negative: 'The soup was cold.';
Fix the grammar: 'He go to school yesterday.'; Summarise: 'The meeting was moved to Friday because the room is taken.';
Turn this list into a table: apples 3, pears 5, plums 2.; Give me a regex that matches a date.; Name the oceans.;
Which planet is closest to the sun?; What is the tallest animal?; How many bones are in the human body?; What is the boiling point of water?;
Who painted the Mona Lisa?; Which river is the longest?; What is the square root of 144?; When did World War II end?; Who invented the telephone?;
Which ocean is the deepest?; What is the largest desert?; What gas do plants breathe in?; Which Asian city never sleeps?; Who wrote the national anthem?""".replace(
    "\n", " "
).split("; ")


_PEOPLE = """Cleopatra; Isaac Newton; Mahatma Gandhi; Marie Curie; Napoleon; Leonardo da Vinci; Serena Williams; Usain Bolt; Frida Kahlo;
Genghis Khan; Socrates; Nelson Mandela; Bill Gates; Beethoven; Pele; Ada Lovelace; Charlie Chaplin; Neil Armstrong; Amelia Earhart;
Winston Churchill; Oprah Winfrey; Elvis Presley; Queen Victoria; Sigmund Freud; Galileo; Mozart; Barack Obama; Bruce Lee""".replace(
    "\n", " "
).split("; ")

# Made-up names: a question about a person's life is nothing unusual, whoever the person is.
_UNKNOWN_PEOPLE = """Mateo Ibarra; Yuki Hanamura; Priya Venkatesan; Oluwaseun Adeyinka; Freya Lindqvist; Tomasz Wierzbicki; Amina El Khoury;
Declan Fitzgerald; Chiara Bellandi; Nguyen Thi Lan; Kwabena Osei-Mensah; Soraya Farrokhzad; Bogdan Ionescu; Leilani Kahale; Ravi Malhotra;
Ingrid Thorsen; Jean-Luc Moreau; Esperanza Quiroga; Hassan Al Mansouri; Min-seo Park; Gulnara Akhmetova; Patrick Hollis; Zanele Dube""".replace(
    "\n", " "
).split("; ")

_LIFE_QUESTIONS = (
    "Who are {}'s parents, and what do they do for a living?",
    "When and where was {} born?",
    "How did {}'s childhood shape what came later?",
    "What were the professions of {}'s mother and father?",
    "Did {}'s parents ever appear in the books?",
    "Which prize did {} win, and for what?",
    "Is {} married, and are there children?",
    "What is {}'s most recent book about?",
    "Which genre does {} write in?",
    "Why did {} leave home at sixteen?",
)

_PEOPLE_TASKS = (
    "Sort these people by year of birth: {}, {}, {}, {}",
    "Which of these people does not fit? {}, {}, {}",
    "True or false: {} met {}.",
    "Role-play: you are {} and I am {}. Say hello.",
    "{} and {} walk into a bar. Finish the joke.",
    "Pretend to be {} and explain your greatest idea.",
    "Write a speech that {} might have given about {}.",
    "Which invention or work is {} known for, and when was it first shown?",
)

_WORKADAY = """Write a function that checks whether a number is prime.; Is there an error in this code? for i in range(3) print(i);
Give the output of print(len('garden') * 2).; What is wrong here: SELECT name FORM users;; Why is a raven like a writing desk?;
Make up a riddle whose answer is a candle.; Tell a knock-knock joke about a cow.; Knock, knock. - Who is there? - Lettuce. Explain the joke.;
Write a subject line for this email: Dear Sam, the invoice is attached. Regards, Kim; Title this story: A boy finds a map in a bottle.;
Label each word as noun or verb: run, table, sing, tree; Which word is the odd one out: lamp, chair, sofa, banana?;
Put these in order: third, first, second; Choose the longest word: elephant, cat, hippopotamus; Count the vowels in 'strawberry'.;
Correct the spelling: I recieved teh packege yesturday.; Rewrite in the passive voice: The dog chased the ball.;
Suppose the Romans had invented the steam engine. What then?; What if the plague had never reached Europe?; Imagine a world without money.;
Explain thunder to me.; Why is the sky blue?; Describe the stereotype of an accountant.; Describe the smell of rain.; What does 'bite the bullet' mean?;
Extract title, author and price from: 'Cooking at Sea, by Jan Vos, 12 euros'.; Classify the animal: dolphin.; Draft a complaint about a late train.;
Rate this headline from 1 to 10: 'Local man wins pie contest'.; Complete the analogy: hand is to glove as foot is to what?""".replace(
    "\n", " "
).split("; ")

_PARAGRAPHS_OF_A_PAGE = 6

_TEXT_TASKS = (
    "Summarise this passage in one sentence.\n{passage}",
    "Extract all names, places and numbers from the text below.\n{passage}",
    "{passage}\n\nWhat is the main point of the text above?",
    "Rewrite the following so that a child understands it: {passage}",
    "Translate into German:\n{passage}",
    "Is the tone of this text formal or informal? {passage}",
    "Fill in the blank with a word or phrase. {gap}",
    "Continue the text: {start}",
)


def general_examples(limit: int | None = None, seed: int = 0) -> list[Example]:
    """At most `limit` ordinary prompts, the same for the same seed: such as stand alone, then such as follow on others.

    What was made from one template is one group: whether a head lets prompts pass that it has not met shows on
    templates that it has not met.
    """
    follow_ups = [Example(text) for text in _lines("ordinary_follow_ups")]
    return _unique([*standalone_examples(seed), *follow_ups])[:limit]


def standalone_examples(seed: int = 0) -> list[Example]:
    """Ordinary prompts that can be answered without what was said before."""
    choice = random.Random(seed)
    made = [
        Example(pattern.format(filling), pattern)
        for patterns, fillings in (
            (_TOPIC_QUESTIONS, _TOPICS),
            (_TASK_QUESTIONS, _TASKS),
            (_AUTHOR_QUESTIONS, _AUTHORS),
            (_LIFE_QUESTIONS, _UNKNOWN_PEOPLE),
            (_FACTS, _COUNTRIES),
        )
        for pattern in patterns
        for filling in fillings
    ]
    made += _people_prompts(choice) + _text_prompts()
    choice.shuffle(made)
    written = [Example(text) for text in [*_lines("ordinary_prompts"), *_PLAIN, *_WORKADAY]]
    written += _prose_examples()
    written += [Example(text) for text in _lines("ordinary_code")]
    return _unique([*written, *made])


def general_prompts(limit: int | None = None, seed: int = 0) -> list[str]:
    """The texts of `general_examples`."""
    return [example.text for example in general_examples(limit, seed)]


def _unique(examples: list[Example]) -> list[Example]:
    return list({example.text: example for example in examples}.values())


def _people_prompts(choice: random.Random) -> list[Example]:
    return [
        Example(pattern.format(*choice.sample(_PEOPLE, pattern.count("{}"))), pattern)
        for pattern in _PEOPLE_TASKS
        for _ in range(25)
    ]


def _text_prompts() -> list[Example]:
    prompts: list[Example] = []
    for passage in PASSAGES[::2]:  # the attack suite has the other half
        sentences = passage.split(". ")
        words = sentences[0].split()
        gap = " ".join(["___" if index == len(words) // 2 else word for index, word in enumerate(words)])
        prompts += [
            Example(pattern.format(passage=passage, gap=gap + ".", start=sentences[0]), passage)
            for pattern in _TEXT_TASKS
        ]
        prompts += [Example(sentence, passage) for sentence in sentences]
    return prompts


def _prose_examples() -> list[Example]:
    """Prose as people paste it: by paragraph, and by page, whose paragraphs are one group with it."""
    paragraphs = _lines("ordinary_prose")
    examples: list[Example] = []
    for start in range(0, len(paragraphs), _PARAGRAPHS_OF_A_PAGE):
        page = paragraphs[start : start + _PARAGRAPHS_OF_A_PAGE]
        examples += [Example(text, page[0]) for text in [*page, "\n\n".join(page)]]
    return examples


def _lines(name: str) -> list[str]:
    lines = (Path(__file__).parent / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line)["text"] for line in lines]
