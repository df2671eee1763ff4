"""The metrics pages of several engines as one page."""

import re
from collections.abc import Iterable, Mapping

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?( .+)$")


def merge_pages(pages: Iterable[tuple[Mapping[str, str], str]]) -> str:
    """Merge Prometheus pages, each of its samples with the labels of its page.

    A label of such a name that is there already, ``engine`` for one, becomes ``exported_engine``, as Prometheus itself
    has it.

    Parameters
    ----------
    pages
        Each with its labels, whose values are of letters, digits and the signs of names and addresses.
    """
    families: dict[str, tuple[list[str], list[str]]] = {}
    for added, page in pages:
        own = ",".join(f'{name}="{value}"' for name, value in added.items())
        taken = re.compile(rf'(^|",)({"|".join(map(re.escape, added))})="')
        head, samples = families.setdefault("", ([], []))
        for line in page.split("\n"):
            if line.startswith(("# HELP ", "# TYPE ")):
                head, samples = families.setdefault(line.split(" ", 3)[2], ([], []))
                if line not in head:
                    head.append(line)
            elif match := _SAMPLE.match(line):
                name, labels, value = match.groups()
                rest = "," + taken.sub(r'\1exported_\2="', labels) if labels else ""
                samples.append(f"{name}{{{own}{rest}}}{value}")
    lines = [line for head, samples in families.values() for line in (*head, *samples)]
    return "\n".join(lines) + "\n"
