"""The metrics pages of several engines as one page."""

import re
from collections.abc import Mapping

_ENGINE_LABEL = re.compile(r'(^|",)engine="')
_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?( .+)$")


def merge_pages(pages: Mapping[str, str]) -> str:
    """Merge Prometheus pages, each of its samples with the label ``engine``.

    A label of that name that is there already becomes ``exported_engine``, as Prometheus itself has it.

    Parameters
    ----------
    pages
        By the label's value.
    """
    families: dict[str, tuple[list[str], list[str]]] = {}
    for engine, page in pages.items():
        head, samples = families.setdefault("", ([], []))
        for line in page.split("\n"):
            if line.startswith(("# HELP ", "# TYPE ")):
                head, samples = families.setdefault(line.split(" ", 3)[2], ([], []))
                if line not in head:
                    head.append(line)
            elif match := _SAMPLE.match(line):
                name, labels, value = match.groups()
                own = f'engine="{engine}"'
                if labels:
                    own += "," + _ENGINE_LABEL.sub(r'\1exported_engine="', labels)
                samples.append(f"{name}{{{own}}}{value}")
    lines = [line for head, samples in families.values() for line in (*head, *samples)]
    return "\n".join(lines) + "\n"
