import base64
import hashlib
import random
import string

import pytest

from lethe.classifier.letter_statistics import LetterStatistics
from lethe.classifier.unreadable import coded_words, nonsense

SIGNS = string.ascii_letters + string.digits + "+/"


@pytest.fixture(scope="module")
def statistics() -> LetterStatistics:
    return LetterStatistics.load()


def test_base64_over_another_alphabet_is_told(statistics: LetterStatistics) -> None:
    shuffled = "".join(random.Random(1).sample(SIGNS, len(SIGNS)))
    text = "Who keeps the lighthouse of the northern harbour, and since when?"
    code = base64.b64encode(text.encode()).decode().rstrip("=").translate(str.maketrans(SIGNS, shuffled))
    assert coded_words(f"Answer {code} now", statistics) == [(7, 7 + len(code))]


@pytest.mark.parametrize(
    "ordinary",
    [
        hashlib.sha256(b"").hexdigest(),
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
