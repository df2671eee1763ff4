"""A long text as overlapping windows, so that every stretch of it is read whole somewhere."""

# In characters. No settings: a head is calibrated on scores of windows that are cut so.
WINDOW_CHARACTERS = 512
WINDOW_OVERLAP = 64


def split_windows(
    text: str, size: int = WINDOW_CHARACTERS, overlap: int = WINDOW_OVERLAP
) -> list[tuple[int, int]]:
    """Cut a text into half-open character ranges of at most `size`, each sharing about `overlap` with the next.

    Ranges begin and end between words where there is a gap to be found, and together cover the whole text.
    """
    if len(text) <= size:
        return [(0, len(text))]
    windows: list[tuple[int, int]] = []
    start = 0
    while True:
        end = start + size
        if end >= len(text):
            windows.append((start, len(text)))
            return windows
        end = gap_before(text, end, start + size // 2)
        windows.append((start, end))
        start = gap_before(text, end - overlap, max(start + 1, end - 2 * overlap))


def gap_after(text: str, place: int, latest: int) -> int:
    """The first place after a space in ``[place, latest]``, or `place` itself."""
    gaps = [gap for gap in (text.find(" ", place, latest), text.find("\n", place, latest)) if gap >= 0]
    return min(gaps) + 1 if gaps else place


def gap_before(text: str, place: int, earliest: int) -> int:
    """The last place after a space in ``[earliest, place]``, or `place` itself."""
    gap = max(text.rfind(" ", earliest, place), text.rfind("\n", earliest, place))
    return gap + 1 if gap >= 0 else place
