"""Names as programs and their users give them, made at random: identifiers, paths, addresses, versions, times, keys.

Knows nothing about classifiers.
"""

import base64
import random
import string
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

_SUFFIXES = (
    "py", "ts", "js", "go", "rs", "java", "c", "h", "cpp", "md", "json", "yaml", "toml", "txt", "csv", "sh", "html", "css", "sql",
    "xml", "lock", "png", "log", "ipynb", "rb", "php", "kt", "swift", "vue",
)  # fmt: skip
_FOLDERS = (
    "src", "lib", "app", "tests", "docs", "data", "home", "usr", "var", "tmp", "opt", "node_modules", "dist", "build", "config",
    "scripts", "internal", "pkg", "cmd", "public",
)  # fmt: skip
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DOMAINS = ["com", "org", "net", "io", "dev", "de", "fr", "co.uk", "ai", "app", "edu"]


@dataclass(frozen=True)
class Material:
    """What texts are made of.

    Attributes
    ----------
    words
        Ordinary words in small letters.
    sentences
        Ordinary sentences.
    texts
        Ordinary texts of any kind: what files hold.
    code
        Those that are programs.
    """

    words: Sequence[str]
    sentences: Sequence[str]
    texts: Sequence[str]
    code: Sequence[str]

    def sentence(self, noise: random.Random, most: int = 200) -> str:
        """A sentence, or its beginning."""
        return noise.choice(self.sentences)[:most]

    def lines(self, noise: random.Random, most: int) -> list[str]:
        """Some lines of a text that follow each other, none empty of all."""
        found = noise.choice(self.texts).splitlines() or [self.sentence(noise)]
        first = noise.randrange(max(len(found) - most, 0) + 1)
        return [line[:300] for line in found[first : first + most]]

    def name(self, noise: random.Random) -> str:
        """An identifier of one to three words, in one of the usual styles."""
        parts = noise.choices(self.words, k=noise.choice((1, 1, 2, 2, 3)))
        kind = noise.randrange(6)
        if kind < 2:
            return "_".join(parts)
        if kind == 2:
            return "-".join(parts)
        if kind == 3:
            return parts[0] + "".join(map(str.capitalize, parts[1:]))
        return "".join(map(str.capitalize, parts)) if kind == 4 else "_".join(parts).upper()

    def file(self, noise: random.Random) -> str:
        """A file's name."""
        return f"{self.name(noise)}.{noise.choice(_SUFFIXES)}"

    def path(self, noise: random.Random) -> str:
        """A path, absolute or relative."""
        folders = [
            noise.choice(_FOLDERS) if noise.random() < 0.5 else self.name(noise)
            for _ in range(noise.randrange(5))
        ]
        start = noise.choice(("/", "", "", "./", "~/", "../", "C:\\"))
        last = self.file(noise) if noise.random() < 0.75 else self.name(noise)
        return start + ("\\" if start.endswith("\\") else "/").join([*folders, last])

    def address(self, noise: random.Random) -> str:
        """An address in the web."""
        place = "/".join(noise.choices(self.words, k=noise.randrange(4)))
        query = (
            f"?{noise.choice(self.words)}={noise.randrange(10**4)}&{noise.choice('abqpk')}={noise.choice(self.words)}"
            if noise.random() < 0.25
            else ""
        )
        return f"http{noise.choice(('s', 's', ''))}://{noise.choice(('www.', '', 'api.', 'docs.'))}{noise.choice(self.words)}.{noise.choice(_DOMAINS)}/{place}{query}"


def version(noise: random.Random) -> str:
    """A release's number."""
    tail = noise.choice(("", "", "", "-beta.1", "rc2", "+deb12u3", "-1ubuntu2", ".dev0"))
    return f"{noise.randrange(12)}.{noise.randrange(40)}.{noise.randrange(30)}{tail}"


def time(noise: random.Random) -> str:
    """A date, a time or both."""
    year, month, day = noise.randrange(1990, 2028), noise.randrange(1, 13), noise.randrange(1, 29)
    hour, minute, second = noise.randrange(24), noise.randrange(60), noise.randrange(60)
    return noise.choice(
        (
            f"{year}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z",
            f"{year}-{month:02d}-{day:02d} {hour:02d}:{minute:02d}:{second:02d},{noise.randrange(1000):03d}",
            f"{year}-{month:02d}-{day:02d}",
            f"{day:02d}/{month:02d}/{year}",
            f"{month}/{day}/{year}, {hour % 12 + 1}:{minute:02d} PM",
            f"{hour:02d}:{minute:02d}",
            f"{hour:02d}:{minute:02d}:{second:02d}.{noise.randrange(10**6):06d}",
            f"{day} {noise.choice(_MONTHS)} {year}",
            str(noise.randrange(10**9, 2 * 10**9)),
        )
    )


def key(noise: random.Random) -> str:
    """What tells one thing from another and says nothing: a hash, a UUID, an id of a call."""
    data = noise.randbytes(32)
    signs = string.ascii_letters + string.digits
    return noise.choice(
        (
            data[:20].hex(),
            data[:4].hex()[:7],
            data.hex(),
            str(uuid.UUID(int=noise.getrandbits(128))),
            noise.choice(
                ("call_", "toolu_01", "msg_", "req-", "sk-", "run_", "chatcmpl-", "i-0", "usr_", "pi_")
            )
            + "".join(noise.choices(signs, k=noise.randrange(8, 28))),
            str(noise.randrange(10 ** noise.randrange(1, 12))),
            "".join(noise.choices(string.ascii_uppercase + string.digits, k=noise.randrange(5, 14))),
            base64.urlsafe_b64encode(data[: noise.randrange(9, 32)]).decode().rstrip("="),
        )
    )
