"""Ordinary text that looks as if it were in a code: files in base64, hashes, keys, minified code, formulas, other scripts.

Made from what stands on the machine and from lists below; knows nothing about readers.
"""

import base64
import gzip
import hashlib
import random
import re
import sysconfig
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from bench.classifier.halves import held_out
from lethe.offline.data.ordinary_text import part_of

_EACH = 60
_LONGEST = 12_000
_MARKUP = re.compile(r"^['.].*$|\\f.|\\[-&(].?", re.MULTILINE)
_MOLECULES = """
CC(=O)OC1=CC=CC=C1C(=O)O|CN1C=NC2=C1C(=O)N(C(=O)N2C)C|CC(C)CC1=CC=C(C=C1)C(C)C(=O)O|C1=CC=C2C(=C1)C=CC=C2
C(C1C(C(C(C(O1)O)O)O)O)O|CC12CCC3C(C1CCC2O)CCC4=CC(=O)CCC34C|CN1CCC[C@H]1C2=CN=CC=C2|OC(=O)CC(O)(C(O)=O)CC(O)=O
"""
_FORMULAS = (
    "Balance: KMnO4 + HCl -> KCl + MnCl2 + H2O + Cl2",
    "C6H12O6 + 6 O2 -> 6 CO2 + 6 H2O, and 2 NaHCO3 -> Na2CO3 + H2O + CO2",
    "What is the molar mass of Ca10(PO4)6(OH)2, of K2Cr2O7 and of (NH4)2Fe(SO4)2·6H2O?",
    "Name 2-[4-(2-methylpropyl)phenyl]propanoic acid and N-(4-hydroxyphenyl)acetamide by their common names.",
    "Is 17α-methyl-17β-hydroxy-androst-4-en-3-one the same as (8R,9S,10R,13S,14S,17S)-17-hydroxy-10,13,17-trimethyl-sterane?",
    "[Co(en)2Cl2]Cl, [Fe(CN)6]4- and trans-[PtCl2(NH3)2]: which of them is paramagnetic?",
)
_ACRONYMS = (
    "The FDA, the EMA, the PMDA and the NMPA want GMP, GLP and GCP from CROs and CMOs under ICH Q7, Q9 and Q10.",
    "SNMP, BGP, OSPF, EIGRP, VXLAN, MPLS, LACP, VRRP, HSRP, STP, RSTP, MSTP, QoS, NAT, DHCP, DNS, NTP, TACACS",
    "mkdir, rmdir, chmod, chown, chgrp, umask, grep, egrep, sed, awk, xargs, tr, wc, cksum, md5sum, fgrep, zgrep, bzcat",
    "strcpy, strncpy, strlcpy, memcpy, memmove, wcscpy, wcsncpy, snprintf, vsnprintf, fprintf, sscanf, fgets, fputs, mmap",
    "Nf3 d5 g3 c5 Bg2 Nc6 O-O e5 d3 Nf6 Nbd2 Be7 e4 dxe4 dxe4 O-O c3 Qc7 Qe2 Be6 Nc4 Rfd8 Ng5 Bc8 Ne3 h6 Nf3 Be3",
    "A|--0-2-3-5-7-8-10-12--|\nE|--3-5-7-8-10-12-14--|\nB|--1h3p1-0---0h1p0----|",
    "Cmaj7 Am7 Dm7 G7 | Em7 A7 Dm7 G7 | Cmaj7 C7 Fmaj7 Fm6 | Em7 A7b9 Dm7 G13 | Bbm7b5 Eb7#9 Ab6/9",
    "QNH 1013, RWY 27R, METAR EGLL 291350Z 24015G25KT 9999 SCT030 BKN045 12/07 Q1009 NOSIG TAF AMD 2912/3018",
    "ɪntəˈnæʃənəl fəˈnɛtɪk ˈælfəbɛt: ˈkwɪk braʊn ˈfɒks ˈdʒʌmps ˈəʊvə ðə ˈleɪzi dɒɡ, in British English",
    "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch, Cwmystwyth, Ynysybwl, Pwllheli, Rhydycroesau, Mynydd",
    "Przybyszewski, Szczebrzeszyn, Wrzeszcz, Krzysztof, Grzegorz, Brzęczyszczykiewicz, Chrząszczyżewoszyce, Łękołody",
    "Gnwxyz, Mxyzptlk, Zzyzx, Cthulhu, Nyarlathotep, Yog-Sothoth, Shub-Niggurath, R'lyeh, Tsathoggua, Azathoth, Dagon",
    "brb, afk, idk, tbh, imo, imho, smh, rofl, lmao, ttyl, gtg, nvm, btw, fyi, tldr, ngl, fr fr, iykyk, istg, jk, omw",
    "Wks 2-4: bk hb lkg, k2tog, ssk, yo, p2tog, sl1 wyib, psso, rep from * to last 3 sts, k to end, RS: k1, m1l, m1r",
)


def odd_texts() -> Iterator[tuple[str, str]]:
    """Each text with its kind; the same ones on one machine."""
    packages = Path(sysconfig.get_path("purelib"))
    yield from _named("pictures in base64", map(_picture, _files(packages, "*.png")))
    yield from _named("hashes and keys", map(_hashes, range(_EACH)))
    yield from _named("certificates", (path.read_text() for path in _files(Path("/etc/ssl/certs"), "*.pem")))
    yield from _named("minified code", map(_beginning, _files(packages, "*.min.js")))
    yield from _named("minified code", map(_beginning, _files(packages, "*.min.css")))
    yield from _named("notebooks", map(_beginning, _files(packages, "*.ipynb")))
    yield from _named("molecules", _MOLECULES.replace("\n", "|").strip("|").split("|"))
    yield from _named("formulas", _FORMULAS)
    yield from _named("genes and proteins", map(_sequence, range(_EACH)))
    yield from _named("acronyms, moves, names", _ACRONYMS)
    for language in sorted(Path("/usr/share/man").iterdir()):
        if not language.name.startswith("man"):
            yield from _named(f"manual pages, {language.name}", islice(_pages(language), _EACH))


def _named(kind: str, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((kind, text) for text in texts if text.strip())


def _files(folder: Path, pattern: str) -> list[Path]:
    found = sorted(
        path
        for path in folder.rglob(pattern)
        if _only_measures(path.relative_to(folder).parts[0])
        and path.is_file()
        and 0 < path.stat().st_size < 200_000
    )
    return found[:: max(len(found) // _EACH, 1)][:_EACH]


def _only_measures(package: str) -> bool:
    return part_of(package) == "test" and held_out(package)


def _picture(path: Path) -> str:
    return f"What is in this picture? data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _beginning(path: Path) -> str:
    return f"Explain this:\n\n{path.read_text(errors='replace')[:_LONGEST]}"


def _hashes(seed: int) -> str:
    noise = random.Random(seed)
    rows = [
        f"{hashlib.new(name, noise.randbytes(9)).hexdigest()}  release-{count}.tar.gz"
        for count, name in enumerate(("md5", "sha1", "sha256", "sha512"))
    ]
    rows += [
        str(uuid.UUID(int=noise.getrandbits(128))),
        f"sk-{base64.urlsafe_b64encode(noise.randbytes(36)).decode()}",
    ]
    rows += [
        f"ssh-ed25519 {base64.b64encode(noise.randbytes(51)).decode()} user@host",
        noise.randbytes(16).hex(":"),
    ]
    return "Which of these is a checksum?\n" + "\n".join(rows)


def _sequence(seed: int) -> str:
    noise = random.Random(seed)
    bases = "".join(noise.choices("ACGT", k=300))
    protein = "".join(noise.choices("ACDEFGHIKLMNPQRSTVWY", k=240))
    lines = [protein[start : start + 60] for start in range(0, 240, 60)]
    return f">read_{seed}\n{bases}\n>sp|P{seed:05d}\n" + "\n".join(lines) + f"\natg {bases.lower()[:60]} tga"


def _pages(language: Path) -> Iterator[str]:
    for path in sorted(language.rglob("*.gz")):
        text = gzip.decompress(path.read_bytes()).decode(errors="replace")
        yield _MARKUP.sub("", text)[:_LONGEST]
