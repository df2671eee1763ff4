import itertools

from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.text.windows import split_windows


@given(st.text(alphabet="ab \n", max_size=600), st.integers(16, 120), st.data())
def test_windows_cover_the_text_and_stay_within_size(text: str, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size // 4))
    windows = split_windows(text, size, overlap)
    assert windows[0][0] == 0
    assert windows[-1][1] == len(text)
    for (start, end), (following, _) in itertools.pairwise(windows):
        assert start < following <= end
    assert all(end - start <= size for start, end in windows)


def test_what_is_shorter_than_the_overlap_is_whole_in_some_window() -> None:
    text = " ".join(f"word{index}" for index in range(500))
    windows = split_windows(text, 512, 64)
    for start in range(0, len(text) - 40, 7):
        assert any(first <= start and start + 40 <= last for first, last in windows)
