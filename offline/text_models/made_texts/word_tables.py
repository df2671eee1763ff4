"""Lists and tables of words, endings, signs and codes, as dictionaries and standards have them. Made at random; knows nothing about classifiers."""

import random
import string
import unicodedata
from collections.abc import Callable, Sequence

from lethe.offline.text_models.made_texts.names import Material

_KEYS = string.ascii_letters + string.digits + "`~!@#$%^&*()-_=+[]{};:'\",.<>/?\\|"
_VOWELS = "aeiouyäöüéèáíóúаеиоу"


def _from_behind(word: str) -> str:
    return word[::-1]


_ORDERS: tuple[Callable[[str], str | int], ...] = (str.lower, len, _from_behind)


def words(noise: random.Random, material: Material) -> str:
    """Words in a list, alone or with their frequencies, forms, sounds or meanings."""
    chosen = noise.choices(_of_a_language(noise, material), k=noise.randrange(15, 200))
    if noise.random() < 0.5:
        chosen.sort(key=noise.choice(_ORDERS))
    form = noise.choice(
        (
            lambda word: word,
            lambda word: word,
            lambda word: f'"{word}"',
            lambda word: f"'{word}',",
            lambda word: f"{word}\t{noise.randrange(10**5)}",
            lambda word: f"{word} {noise.choice(('NN', 'VB', 'JJ', 'noun', 'adj', 'v', 'f', 'm'))}",
            lambda word: f"{word}/{''.join(noise.sample(string.ascii_uppercase, noise.randrange(1, 4)))}",
            lambda word: (
                f"{word.upper()}  {' '.join(noise.choices(('AH0', 'K', 'T', 'S', 'IY1', 'ER0', 'N', 'D', 'EH1', 'L'), k=len(word)))}"
            ),
            lambda word: f"{word}: {noise.choice(material.words)}",
            lambda word: f"-{word[-noise.randrange(2, 6) :]}",
            lambda word: f"{word}\t{word[::-1]}",
        )
    )
    return noise.choice(("\n", "\n", ", ", " ", ",", "|", '", "')).join(map(form, chosen))


def endings(noise: random.Random, material: Material) -> str:
    """Rules of spelling: what words end in, how they are parted, what stands for what."""
    pool = _of_a_language(noise, material)

    def piece(least: int = 1, most: int = 6) -> str:
        word = noise.choice(pool)
        at = noise.randrange(max(len(word) - least, 0) + 1)
        return word[at : at + noise.randint(least, most)] or word[:1]

    def pattern() -> str:
        made = "".join(each + noise.choice(("", "", "", "1", "2", "3", "4")) for each in piece(2, 7))
        return noise.choice(("", "", ".")) + made + noise.choice(("", "", "."))

    flag = noise.choice(string.ascii_uppercase)
    rule = noise.choice(
        (
            pattern,
            pattern,
            lambda: (
                f"{noise.choice(('SFX', 'PFX'))} {flag} {noise.choice(('0', piece(1, 2)))} {piece(1, 4)} {noise.choice(('.', '[^aeiou]y', piece(1, 2)))}"
            ),
            lambda: f"{piece()} -> {piece()}",
            lambda: f"REP {piece()} {piece()}",
            lambda: f"'{piece(1, 5)}' {noise.choice(('delete', '<+', '(R1 delete)', '<-'))}",
            lambda: f'"{piece()}" => "{piece()}",',
            lambda: f"{piece(1, 4)}: {', '.join(piece(1, 3) for _ in range(noise.randrange(1, 6)))}",
            lambda: f"[{''.join(sorted({piece(1, 1) for _ in range(6)}))}]{noise.choice('+*?')}{piece(1, 3)}",
            lambda: f"({'|'.join(piece() for _ in range(noise.randrange(2, 7)))})$",
            lambda: f"{piece(2, 3)}\t{noise.randrange(1000)}",
        )
    )
    return noise.choice(("\n", "\n", " ", ", ", "|")).join(rule() for _ in range(noise.randrange(15, 150)))


def signs(noise: random.Random, material: Material) -> str:
    """Signs of Unicode with their numbers, names and ranges."""
    start = noise.choice((0x20, 0xA0, 0x100, 0x180, 0x250, 0x300, 0x370, 0x400, 0x531, 0x5D0, 0x620, 0x905, 0xE01, 0x10A0, 0x1100, 0x1E00, 0x2000, 0x2070, 0x2190, 0x2200, 0x2500, 0x2600, 0x3041, 0x4E00, 0xA640, 0xAC00, 0xFB00, 0xFF01, 0x10330, 0x1D400, 0x1F300, 0x1F600))  # fmt: skip
    step = noise.choice((1, 1, 1, 2, 7))
    points = range(start, start + step * noise.randrange(12, 90), step)
    digits = noise.choice(("04X", "04x", "05X"))
    form: Callable[[int], str] = noise.choice(
        (
            lambda p: (
                f"{p:{digits}};{unicodedata.name(chr(p), '<control>')};{unicodedata.category(chr(p))};{unicodedata.combining(chr(p))};{unicodedata.bidirectional(chr(p))};;;;;N;;;;;"
            ),
            lambda p: f"U+{p:{digits}}\t{chr(p)}\t{unicodedata.name(chr(p), '')}",
            lambda p: f"0x{p:02X}\t0x{noise.randrange(65536):04X}\t# {unicodedata.name(chr(p), 'UNDEFINED')}",
            lambda p: (
                f"{p:{digits}}..{p + noise.randrange(60):{digits}} ; {noise.choice(('Lo', 'Ll', 'Common', 'Latin', 'Mn', 'XID_Start'))} # {noise.randrange(60)}"
            ),
            lambda p: f"\\u{p:04x}-\\u{min(p + noise.randrange(60), 65535):04x}",
            lambda p: f"[0x{p:x}, 0x{p + noise.randrange(90):x}],",
            lambda p: f"'{chr(p)}': '{noise.choice(string.ascii_letters)}',",
            lambda p: f"&#{p};",
            lambda p: f"{noise.choice(_KEYS)}{noise.choice(('', '', noise.choice(_KEYS)))}\t{chr(p)}",
            lambda p: f"{{ {p:#06x}, {noise.randrange(16)}, {noise.randrange(256)} }},",
            lambda p: chr(p),
            lambda p: f"{p}: {chr(p)!r}",
            lambda p: f"'&{noise.choice(material.words)[:6]};': '\\u{min(p, 65535):04x}',",
            lambda p: f"<U{p:{digits}}> /x{p % 256:02x} |0",
            lambda p: (
                f"keycode {p % 256} = {noise.choice(('', 'shift '))}{unicodedata.name(chr(p), 'VoidSymbol').replace(' ', '_').lower()[:24]}"
            ),
        )
    )
    between = noise.choice(("\n", "\n", "\n", " ", "", ", "))
    return between.join(map(form, points))


def codes(noise: random.Random, material: Material) -> str:
    """Codes of places, languages, colours, units, errors with what each stands for."""
    length, style = noise.randrange(2, 5), noise.choice((str.upper, str.lower, str.title))
    form = noise.choice(
        (
            "{c}\t{w}",
            "{c},{w},{d},{n}",
            '"{c}": "{w}",',
            "{c} = {n}",
            "{c}",
            "{n} {c} {w}",
            "{w} ({c})",
            "{{ code: '{c}', name: '{w}' }},",
            "{c};{d};{n}",
            "#{h} {w}",
            "{w}: #{h};",
            "{c}-{d}",
            "#define {c}_{w} 0x{n:04x}",
            "{w:<24}{n:>6}/{d}",
        )
    )
    rows = [
        form.format(
            c=style("".join(noise.choices(string.ascii_lowercase, k=length))),
            d=style("".join(noise.choices(string.ascii_lowercase, k=2))),
            n=noise.randrange(1000),
            w=noise.choice(material.words).title(),
            h=f"{noise.getrandbits(24):06x}",
        )
        for _ in range(noise.randrange(12, 90))
    ]
    if noise.random() < 0.6:
        rows.sort()
    return noise.choice(("\n", "\n", "\n", ", ", " ")).join(rows)


def _of_a_language(noise: random.Random, material: Material) -> Sequence[str]:
    """Words in small letters, of English, of any language's sentences, or made of syllables."""
    kind = noise.randrange(3)
    if kind == 0:
        return material.words
    if kind == 1:
        found = [
            word.lower() for _ in range(12) for word in material.sentence(noise).split() if word.isalpha()
        ]
        return found or material.words
    consonants = noise.sample(string.ascii_lowercase, 12)
    return [
        "".join(noise.choice(consonants) + noise.choice(_VOWELS[:12]) for _ in range(noise.randrange(1, 5)))
        + noise.choice(("", "", noise.choice(consonants)))
        for _ in range(60)
    ]
