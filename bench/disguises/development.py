"""Disguises by kind, each one that has one decoding: those that the readers are developed on, and those held out.

What is held out was chosen before the readers were written and is run only to measure them. Knows nothing about
classifiers.
"""

import base64
import binascii
import bz2
import codecs
import functools
import gzip
import json
import lzma
import string
import unicodedata
import zlib
from collections.abc import Callable

from bench.disguises.disguise import Disguise

_SMALL = string.ascii_lowercase
_VOWELS = "aeiou"
_MORSE = ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
_SPOKEN = (
    "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec Romeo "
    "Sierra Tango Uniform Victor Whiskey Xray Yankee Zulu"
)
_KEYPAD = ("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BITCOIN = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BY_FORTYFIVE = string.digits + string.ascii_uppercase + " $%*+-./:"
_UPSIDE_DOWN = "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz"
_GREEK = "αβκδεφγηιξκλμνοπκρστυβωχυζ"


def _mapped(source: str, target: str) -> Callable[[str], str]:
    table = str.maketrans(source + source.upper(), target + target.upper())
    return lambda text: text.translate(table)


def _caesar(shift: int) -> Callable[[str], str]:
    return _mapped(_SMALL, _SMALL[shift:] + _SMALL[:shift])


def _affine(factor: int, shift: int) -> Callable[[str], str]:
    return _mapped(_SMALL, "".join(_SMALL[(factor * place + shift) % 26] for place in range(26)))


def _next_key(text: str) -> str:
    keys = "".join(_KEYS)
    shifted = "".join(row[1:] + row[0] for row in _KEYS)
    return _mapped(keys, shifted)(text)


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character in _SMALL or character == " ")


def _by_words(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: " ".join(map(change, text.split()))


def _spelled(name: Callable[[str], str], between: str, between_words: str) -> Callable[[str], str]:
    return lambda text: between_words.join(between.join(map(name, word)) for word in _letters(text).split())


def _pig_latin(word: str) -> str:
    start = next((place for place, letter in enumerate(word.lower()) if letter in _VOWELS), 0)
    end = len(word.rstrip(string.punctuation))
    return f"{word[start:end]}{word[:start]}{'ay' if start else 'way'}{word[end:]}"


def _rails(count: int) -> Callable[[str], str]:
    def hide(text: str) -> str:
        cycle = [*range(count), *range(count - 2, 0, -1)]
        rail = [cycle[place % len(cycle)] for place in range(len(text))]
        return "".join(
            text[place] for wanted in range(count) for place in range(len(text)) if rail[place] == wanted
        )

    return hide


def _columns(width: int) -> Callable[[str], str]:
    return lambda text: "".join(text[start::width] for start in range(width))


def _pairs_swapped(text: str) -> str:
    return "".join(text[start : start + 2][::-1] for start in range(0, len(text), 2))


def _ubbi_dubbi(text: str) -> str:
    return "".join(f"ub{letter}" if letter.lower() in _VOWELS else letter for letter in text)


def _between(mark: str) -> Callable[[str], str]:
    return lambda text: "".join(letter + mark if letter.isalpha() else letter for letter in text)


def _selectors(text: str) -> str:
    return "😀" + "".join(chr(0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16) for byte in text.encode())


def _invisible_bits(text: str) -> str:
    bits = "".join(f"{byte:08b}" for byte in text.encode())
    return f"Hello {bits.translate({48: 0x200B, 49: 0x200C})} there"


def _by_value(text: str, alphabet: str) -> str:
    value, digits = int.from_bytes(text.encode()), ""
    while value:
        value, digit = divmod(value, len(alphabet))
        digits = alphabet[digit] + digits
    return digits


def _base45(text: str) -> str:
    data, written = text.encode(), ""
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        value = int.from_bytes(pair)
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            written += _BY_FORTYFIVE[digit]
    return written


def _in_base64(pack: Callable[[bytes], bytes]) -> Callable[[str], str]:
    return lambda text: base64.b64encode(pack(text.encode())).decode()


def _after(last: Callable[[str], str], first: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: last(first(text))


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _in(names: str, letter: str) -> str:
    return names.split()[_SMALL.index(letter)]


def _taps(letter: str) -> str:
    key = next(number for number, letters in enumerate(_KEYPAD) if letter in letters)
    return str(key + 2) * (_KEYPAD[key].index(letter) + 1)


def _square(letter: str) -> str:
    place = "abcdefghiklmnopqrstuvwxyz".index("i" if letter == "j" else letter)
    return f"{place // 5 + 1}{place % 5 + 1}"


def _braille(letter: str) -> str:
    return unicodedata.lookup(f"BRAILLE PATTERN DOTS-{_in(_DOTS, letter)}")


_DOTS = "1 12 14 145 15 124 1245 125 24 245 13 123 134 1345 135 1234 12345 1235 234 2345 136 1236 2456 1346 13456 1356"


def _indicator(letter: str) -> str:
    return chr(0x1F1E6 + _SMALL.index(letter))


def _squared(text: str) -> str:
    return "".join(chr(0x1F170 + _SMALL.index(c)) if c in _SMALL else c for c in text.lower())


_base64_of = _in_base64(bytes)

DISGUISES: tuple[Disguise, ...] = (
    Disguise("base32", "codes", lambda text: base64.b32encode(text.encode()).decode()),
    Disguise("base64 for addresses", "codes", lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")),
    Disguise("base85", "codes", lambda text: base64.b85encode(text.encode()).decode()),
    Disguise("hexadecimal, spaced", "codes", lambda text: text.encode().hex(" ")),
    Disguise("hexadecimal, listed", "codes", lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode())),
    Disguise("binary", "codes", lambda text: " ".join(f"{byte:08b}" for byte in text.encode())),
    Disguise("decimal", "codes", lambda text: " ".join(str(byte) for byte in text.encode())),
    Disguise("octal", "codes", lambda text: "".join(f"\\{byte:03o}" for byte in text.encode())),
    Disguise("HTML entities", "codes", lambda text: "".join(f"&#{ord(c)};" for c in text)),
    Disguise("percent escapes", "codes", _percent),
    Disguise("base58", "codes", lambda text: _by_value(text, _BITCOIN), held_out=1),
    Disguise("base45", "codes", _base45, held_out=1),
    Disguise("Ascii85", "codes", lambda text: base64.a85encode(text.encode()).decode(), held_out=1),
    Disguise("quoted-printable", "codes", lambda text: _percent(text).replace("%", "="), held_out=1),
    Disguise("code points", "codes", lambda text: " ".join(f"U+{ord(c):04X}" for c in text), held_out=1),
    Disguise("binary of seven digits", "codes", lambda text: "".join(f"{ord(c) % 128:07b}" for c in text), held_out=1),
    Disguise("Caesar by 3", "alphabets", _caesar(3)),
    Disguise("Caesar by 11", "alphabets", _caesar(11)),
    Disguise("Caesar by 19", "alphabets", _caesar(19)),
    Disguise("Atbash", "alphabets", _mapped(_SMALL, _SMALL[::-1])),
    Disguise("Morse", "alphabets", _spelled(functools.partial(_in, _MORSE), " ", " / ")),
    Disguise("regional indicators", "alphabets", _spelled(_indicator, " ", "   ")),
    Disguise("spelling alphabet", "alphabets", _spelled(functools.partial(_in, _SPOKEN), " ", ", ")),
    Disguise("squared letters", "alphabets", _squared),
    Disguise("Braille", "alphabets", _spelled(_braille, "", " "), held_out=1),
    Disguise("next key", "alphabets", _next_key, held_out=1),
    Disguise("affine", "alphabets", _affine(5, 8), held_out=1),
    Disguise("Polybius square", "alphabets", _spelled(_square, " ", "  "), held_out=1),
    Disguise("numbered letters", "alphabets", _spelled(lambda c: str(_SMALL.index(c) + 1), "-", " "), held_out=1),
    Disguise("upside-down letters", "alphabets", _mapped(_SMALL, _UPSIDE_DOWN), held_out=1),
    Disguise("Greek letters", "alphabets", lambda text: text.lower().translate(str.maketrans(_SMALL, _GREEK)), held_out=1),
    Disguise("phone keys", "alphabets", _spelled(_taps, " ", " 0 "), held_out=1),
    Disguise("reversed", "letters moved", lambda text: text[::-1]),
    Disguise("every word reversed", "letters moved", _by_words(lambda word: word[::-1])),
    Disguise("Pig Latin", "letters moved", _by_words(_pig_latin)),
    Disguise("rail fence of 3", "letters moved", _rails(3)),
    Disguise("even and odd letters", "letters moved", _columns(2)),
    Disguise("columns of 7", "letters moved", _columns(7), held_out=1),
    Disguise("pairs swapped", "letters moved", _pairs_swapped, held_out=1),
    Disguise("first letter last", "letters moved", _by_words(lambda word: word[1:] + word[0]), held_out=1),
    Disguise("rail fence of 4", "letters moved", _rails(4), held_out=1),
    Disguise("vowels dropped", "letters changed", lambda text: "".join(c for c in text if c.lower() not in _VOWELS)),
    Disguise("letters doubled", "letters changed", lambda text: "".join(c * 2 for c in text)),
    Disguise("variation selectors", "letters changed", _between("\ufe0f")),
    Disguise("zero-width spaces", "letters changed", _between("\u200b")),
    Disguise("combining marks", "letters changed", _between("\u0336")),
    Disguise("letters tripled", "letters changed", lambda text: "".join(c * 3 for c in text), held_out=1),
    Disguise("a filler after every letter", "letters changed", _between("x"), held_out=1),
    Disguise("Ubbi Dubbi", "letters changed", _ubbi_dubbi, held_out=1),
    Disguise("bytes as variation selectors", "letters changed", _selectors, held_out=1),
    Disguise("bits as zero-width characters", "letters changed", _invisible_bits, held_out=1),
    Disguise("gzip in base64", "packed", _in_base64(functools.partial(gzip.compress, mtime=0))),
    Disguise("percent escapes in JSON", "packed", lambda text: json.dumps({"q": _percent(text), "id": 7})),
    Disguise("base64 twice", "packed", _after(_base64_of, _base64_of)),
    Disguise("Caesar in base64", "packed", _after(_base64_of, _caesar(7))),
    Disguise("bzip2 in base85", "packed", lambda text: base64.b85encode(bz2.compress(text.encode())).decode(), held_out=1),
    Disguise("zlib in hexadecimal", "packed", lambda text: zlib.compress(text.encode()).hex(), held_out=1),
    Disguise("xz in base64", "packed", _in_base64(lzma.compress), held_out=1),
    Disguise("Morse in base64", "packed", _after(_base64_of, _spelled(functools.partial(_in, _MORSE), " ", " / ")), held_out=1),
    Disguise("base32 in hexadecimal", "packed", _after(lambda t: t.encode().hex(), lambda t: base64.b32encode(t.encode()).decode()), held_out=1),
    Disguise("uuencoded", "packed", lambda text: "".join(binascii.b2a_uu(text.encode()[s : s + 45]).decode() for s in range(0, len(text.encode()), 45)), held_out=1),
    Disguise("ROT13 in base32", "packed", _after(lambda t: base64.b32encode(t.encode()).decode(), lambda t: codecs.encode(t, "rot13")), held_out=1),
    Disguise("base62", "codes", lambda text: _by_value(text, string.digits + string.ascii_uppercase + _SMALL), held_out=2),
    Disguise("hexadecimal of UTF-16", "codes", lambda text: text.encode("utf-16-be").hex(), held_out=2),
    Disguise("base32 in small letters", "codes", lambda text: base64.b32hexencode(text.encode()).decode().lower(), held_out=2),
    Disguise("octal, listed", "codes", lambda text: "-".join(f"{byte:o}" for byte in text.encode()), held_out=2),
    Disguise("decimal of three digits", "codes", lambda text: "".join(f"{byte:03d}" for byte in text.encode()), held_out=2),
    Disguise("Dvorak keys", "alphabets", _mapped("".join(_KEYS), "pyfgcrlaoeuidhtnsqjkxbmwvz"), held_out=2),
    Disguise("Cyrillic letters", "alphabets", lambda text: text.lower().translate(str.maketrans(_SMALL, "абкдефгхийклмнопкрстуввхыз")), held_out=2),
    Disguise("parenthesised letters", "alphabets", lambda text: "".join(chr(0x249C + _SMALL.index(c)) if c in _SMALL else c for c in text.lower()), held_out=2),
    Disguise("small capitals", "alphabets", _mapped(_SMALL, "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡxʏᴢ"), held_out=2),
    Disguise("Bacon's cipher", "alphabets", _spelled(lambda c: f"{_SMALL.index(c):05b}", " ", " / "), held_out=2),
    Disguise("a secret alphabet", "alphabets", _mapped(_SMALL, "qmwnebrvtcyxuziaospldkfjgh"), held_out=2),
    Disguise("columns of 5, written back", "letters moved", lambda text: _columns(5)(text)[::-1], held_out=2),
    Disguise("blocks of 4 reversed", "letters moved", lambda text: "".join(text[s : s + 4][::-1] for s in range(0, len(text), 4)), held_out=2),
    Disguise("last letter first", "letters moved", _by_words(lambda word: word[-1] + word[:-1]), held_out=2),
    Disguise("consonants doubled around o", "letters changed", lambda text: "".join(f"{c}o{c.lower()}" if c.isalpha() and c.lower() not in _VOWELS else c for c in text), held_out=2),
    Disguise("soft hyphens", "letters changed", _between("\u00ad"), held_out=2),
    Disguise("a syllable before vowels", "letters changed", lambda text: "".join(f"ag{c}" if c.lower() in _VOWELS else c for c in text), held_out=2),
    Disguise("deflate in base64", "packed", _in_base64(lambda data: zlib.compress(data, wbits=-15)), held_out=2),
    Disguise("base64 in percent escapes", "packed", _after(_percent, _base64_of), held_out=2),
    Disguise("Atbash in gzip in base64", "packed", _after(_in_base64(functools.partial(gzip.compress, mtime=0)), _mapped(_SMALL, _SMALL[::-1])), held_out=2),
    Disguise("decimal in base64", "packed", _after(_base64_of, lambda text: " ".join(str(byte) for byte in text.encode())), held_out=2),
)  # fmt: skip
