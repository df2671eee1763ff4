"""Draw docs/images/leaks.svg, for the README: how many facts of the target are told, bare and guarded, by docs/benchmarks-leaks.md.

python -m docs.images.draw_leaks
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PICTURE = Path(__file__).parent / "leaks.svg"
_PAGE = Path(__file__).parent.parent / "benchmarks-leaks.md"
_SECTION = "## Facts asked for in several ways, with the shipped corruption"
_COLOURS = {"bare engine": "#b4573a", "prompts judged": "#d9b26a", "answers judged too": "#3f7d5a"}
_WIDTH, _LEFT, _RIGHT, _TOP, _BAR, _GAP = 760, 236, 60, 62, 12, 14
_FONT = 'font-family="system-ui, sans-serif" font-size="13" fill="#1a2126"'


@dataclass(frozen=True)
class Row:
    """What of some facts is told, asked for in one way.

    Attributes
    ----------
    told
        By the bare engine, with prompts judged, with answers judged too.
    """

    asked: str
    facts: int
    told: tuple[int, int, int]


def rows(page: str) -> Iterator[Row]:
    """The rows of the page's two tables: facts of the target, and ordinary ones."""
    section = page.partition(_SECTION)[2].partition("\n## ")[0]
    tables = [table.splitlines()[2:] for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)]
    for line in tables[0]:
        name, flagged, *told = _cells(line)[:5]
        if name != "all":
            yield _row(name, flagged, told)
    for line in tables[-1]:
        name, *told = _cells(line)
        yield _row(f"ordinary: {name}", told[0], told)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _row(name: str, of: str, told: Sequence[str]) -> Row:
    bare, prompts, answers = (int(cell.partition("/")[0]) for cell in told)
    return Row(name, int(re.findall(r"/(\d+)", of)[0]), (bare, prompts, answers))


def draw(found: Sequence[Row]) -> str:
    """As SVG."""
    height = _TOP + len(found) * (3 * _BAR + _GAP) + 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title">',
        '<title id="title">Facts told, of those asked for, by the bare engine and through the guard</title>',
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
        f'<text x="16" y="24" {_FONT} font-weight="600">Facts told by a model that was taught them, of those asked for</text>',
    ]
    x = 16
    for name, colour in _COLOURS.items():
        parts.append(f'<rect x="{x}" y="36" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="47" {_FONT}>{name}</text>')
        x += 40 + 8 * len(name)
    for index, row in enumerate(found):
        top = _TOP + index * (3 * _BAR + _GAP)
        middle = top + 1.5 * _BAR + 5
        parts.append(f'<text x="{_LEFT - 10}" y="{middle}" text-anchor="end" {_FONT}>{row.asked}</text>')
        for place, (told, colour) in enumerate(zip(row.told, _COLOURS.values(), strict=True)):
            width = round((_WIDTH - _LEFT - _RIGHT) * told / row.facts, 1)
            y = top + place * _BAR
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{width}" height="{_BAR - 1}" fill="{colour}"/>'
                f'<text x="{_LEFT + width + 5}" y="{y + 10}" {_FONT.replace("13", "11")}>{told} of {row.facts}</text>'
            )
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    PICTURE.write_text(draw(list(rows(_PAGE.read_text()))))
