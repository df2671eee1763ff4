import base64
import hashlib
import random
import re
import string
import struct

import pytest

from lethe.classifier.disguises.unreadable import (
    coded_words,
    in_groups,
    nonsense,
    odd_signs,
    signs_for_letters,
)
from lethe.classifier.text.letter_statistics import LetterStatistics
from lethe.classifier.text.sign_statistics import SignStatistics

SIGNS = string.ascii_letters + string.digits + "+/"


@pytest.fixture(scope="module")
def statistics() -> LetterStatistics:
    return LetterStatistics.load()


def test_base64_over_another_alphabet_is_told(statistics: LetterStatistics) -> None:
    shuffled = "".join(random.Random(1).sample(SIGNS, len(SIGNS)))
    text = "Who keeps the lighthouse of the northern harbour, and since when?"
    code = base64.b64encode(text.encode()).decode().rstrip("=").translate(str.maketrans(SIGNS, shuffled))
    assert coded_words(f"Answer {code} now", statistics) == [(7, 7 + len(code))]


def test_code_that_is_broken_into_lines_is_one_word(statistics: LetterStatistics) -> None:
    shuffled = "".join(random.Random(1).sample(SIGNS, len(SIGNS)))
    text = "Who keeps the lighthouse of the northern harbour, and since when? " * 3
    code = base64.b64encode(text.encode()).decode().translate(str.maketrans(SIGNS, shuffled))
    lines = "\n".join(code[at : at + 76] for at in range(0, len(code), 76))
    assert coded_words(f"Answer this:\n\n{lines}\n", statistics) == [(14, 14 + len(lines))]


def test_a_certificate_and_a_stretch_of_a_file_are_ordinary(statistics: LetterStatistics) -> None:
    names = b"".join(
        b"1\x0b0\t\x06\x03U\x04\x06\x13" + name
        for name in (b"Lighthouse Trust Services", b"Northern Harbour Root")
    )
    certificate = b"0\x82\x01\x9f0\x82" + names * 3 + hashlib.sha512(b"").digest() * 2
    for data in (certificate, struct.pack("<60i", *range(1000, 61000, 1000))):
        code = base64.b64encode(data).decode()
        lines = "\n".join(code[at : at + 64] for at in range(0, len(code), 64))
        assert not coded_words(lines, statistics)
    assert not coded_words(lines[1:], statistics)


@pytest.mark.parametrize(
    "ordinary",
    [
        hashlib.sha256(b"").hexdigest(),
        "8V32zm120-120H8V40h112zm40-120v128h128V32zm120-120H168V4",
        base64.b64encode(hashlib.sha512(b"").digest()).decode(),
        base64.b64encode(
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
        ).decode(),
        "ACGTTGCAACGTACGTTTGACCAGTACGATCGATCGGATTACAGATTACA",
        "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVV",
        "site-packages/numpy/lib/tests/test_function_base",
    ],
)
def test_hashes_files_and_sequences_are_ordinary(statistics: LetterStatistics, ordinary: str) -> None:
    assert not coded_words(ordinary, statistics)


def test_a_few_odd_letters_are_too_little(statistics: LetterStatistics) -> None:
    text = "xkq zvw bjh "
    assert not nonsense(text, ((0, len(text)),), statistics)
    assert nonsense(text * 9, ((0, 9 * len(text)),), statistics)


@pytest.mark.parametrize(
    "ordinary",
    [
        "SNMP, BGP, OSPF, EIGRP, VXLAN, MPLS, LACP, VRRP, HSRP, STP, RSTP, MSTP, TACACS",
        "strcpy, strncpy, strlcpy, memcpy, wcscpy, wcsncpy, snprintf, vsnprintf, fprintf, sscanf",
        "ACGTTGCAAC GTACGTTTGA CCAGTACGAT CGATCGGATT ACAGATTACA GATTACAGGT",
        "sse sse2 ss ht syscall nx pdpe1gb rdtscp lm constant_tsc rep_good nopl xtopology cpuid pni pclmulqdq ssse3 fma cx16 pcid sse4_1",
        "kerberos 88/tcp krb5 kerberos-sec iso-tsap 102/tcp tsap acr-nema 104/tcp dicom rtmp 1/ddp nbp 2/ddp ntp 123/udp imap2 143/tcp",
        "LLL: D MMMM YYYY HH:mm LLLL: dddd, D MMMM YYYY HH:mm LT: HH:mm LTS: HH:mm:ss",
        "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRV GDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKWKRQTLG",
    ],
)
def test_lists_of_names_and_sequences_are_no_nonsense(statistics: LetterStatistics, ordinary: str) -> None:
    assert not nonsense(ordinary, ((0, len(ordinary)),), statistics)


@pytest.mark.parametrize(
    "word", ["732242fd-a890-2e32-1297-9bfcbbeb508f", "46f14170-5930-0965-c313-063d20dd02f4"]
)
def test_keys_with_dashes_are_ordinary(statistics: LetterStatistics, word: str) -> None:
    assert not coded_words(word, statistics)
    assert not coded_words(f"{word}\n" * 9, statistics)


def test_text_under_a_key_in_hexadecimal_is_told(statistics: LetterStatistics) -> None:
    text = b"Who keeps the lighthouse of the northern harbour, and since when?"
    code = bytes(byte ^ key for byte, key in zip(text, b"lemon" * 20, strict=False)).hex()
    assert coded_words(code, statistics) == [(0, len(code))]


def test_groups_of_letters_are_told_and_lists_of_codes_are_not(statistics: LetterStatistics) -> None:
    cipher = "PM ER SI KW LB TB KC NQ IS QT LC NA DO HQ BF QF RO GX ZU WV KP"
    assert in_groups(f"Read this: {cipher}", statistics) == [(11, 11 + len(cipher))]
    assert not in_groups("at be bg cz de dk ee es fi fr gb gr hr hu ie it lt lu lv mt nl pl pt", statistics)
    assert not in_groups("Mo Tu We Th Fr Sa Su      " * 3, statistics)
    assert not in_groups("is it so or am I to go on as we do if he is up or so it is at my", statistics)


@pytest.mark.parametrize(
    "code",
    [
        "🕈☟✋👍☟   ✡☜✌☼   👎✋👎   ☟☜☼💣✋⚐☠☜   ☞✋☼💧❄",
        "ᚹᚺᛟ ᛞᛁᛞ ᛞᚱᚨᚲᛟ ᛗᚨᛚᚠᛟᛦ ᛗᚨᚱᚱᛦ",
        "0000 0111 0011 0001 0001 0000 0000 0011 0010 0001 0001 1001 0001 0000 0100 0001",
        "++++++++[>++++>++++++>+<<<-]>>.<-.>[-]<<[->+<]>,.[.>]<-+>>++<<[>>.+<<-]>>-.<<+++[>+>++<<-]>.>.<[-]++++.",
    ],
)
def test_signs_in_the_place_of_letters_are_told(code: str) -> None:
    assert signs_for_letters(code)


@pytest.mark.parametrize(
    "ordinary",
    [
        "Great! 🎉🎉🎉 🔥🔥 See you → there ✅",
        "+----------+----------+" * 8,
        "😀😃😄😁😆😅🤣😂🙂🙃😉😊😇🥰😍🤩😘😗😚😙",
        "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
        "1 0 0 1 0 1 1 0 1 0 1 0 1 1 0 0 1 0 1 0",
    ],
)
def test_pictures_rules_and_matrices_are_ordinary(ordinary: str) -> None:
    assert not signs_for_letters(ordinary)


def test_a_longer_text_must_be_odder() -> None:
    signs = SignStatistics.load()
    code = "qgi sus se\\xi n\\kdit n\\eet; qg\\r s\\r; qgwew sus rgw ;e;g\\br fi \\r ;\\ar?;; \\f\\\\ub"
    quiet = "The garden behind the house was quiet in the morning. " * 40
    assert odd_signs(signs.weighed(code), len(code))
    assert not odd_signs(signs.weighed(quiet + code), len(quiet + code))


def test_signs_among_brackets_that_nest_are_code() -> None:
    signs = SignStatistics.load()
    odd = "q~`\\w;?^z'%k$"
    code = f"q({odd}[w({odd})];{{{odd}(q[{odd}]({odd}))}};z({odd}[{odd}])"
    crossed = code.translate(str.maketrans(")]}", "}])"))
    assert odd_signs(signs.weighed(crossed), len(crossed))
    assert not odd_signs(signs.weighed(code), len(code))


def test_maps_of_code_are_ordinary_and_letters_in_groups_with_commas_are_not() -> None:
    signs = SignStatistics.load()
    code = "qgisW,suseX,nkdiT,neetQ,qgrsR,qgweW,susrG,wegbR,fibrR,warpJ,ffubV,zxqmK,qjzwP," * 2
    assert odd_signs(signs.weighed(code), len(code))
    mapped = re.sub(r"(\w)\w(\w+)", r"\1A\2", code).translate(
        str.maketrans("gjknpqrstuvwxz", "GJKNPQRSTUVWXZ")
    )
    assert not odd_signs(signs.weighed(mapped), len(mapped))
