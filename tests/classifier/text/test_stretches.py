import re

from hypothesis import example, given
from hypothesis import strategies as st

from lethe.classifier.text.sentences import split_sentences
from lethe.classifier.text.stretches import cut
from lethe.classifier.text.windows import split_windows

_MARKS = ' .?!;:|>\n。？！"“”{}[]<*)’'


@given(
    st.lists(
        st.text(alphabet=f"ab1_é𝔞{_MARKS}", max_size=900) | st.text(alphabet=_MARKS, max_size=1200),
        max_size=3,
    )
)
@example(["word " * 100 + 'end.*"{ ' + "word " * 100])
@example([])
def test_each_window_has_the_sentences_that_it_has_alone(texts: list[str]) -> None:
    found = cut(texts)
    windows = [(owner, start, end) for owner, text in enumerate(texts) for start, end in split_windows(text)]
    assert [found.owner[number] for number in range(len(windows))] == [owner for owner, _, _ in windows]
    for number, (owner, start, end) in enumerate(windows):
        rows = found.bounds[found.first[number] : found.first[number + 1]] - found.places[owner]
        sentences = [
            (start + first, start + last)
            for first, last in split_sentences(texts[owner][start:end])
            if re.search(r"[^\W_]", texts[owner][start + first : start + last])
        ]
        assert rows.tolist() == [list(each) for each in [(start, end), *sentences]]


def test_texts_stand_apart() -> None:
    found = cut(["The tide was low at dawn.", "Nobody knew who kept the lighthouse."])
    assert [found.text[start:end] for start, end in found.bounds] == [
        "The tide was low at dawn.",
        "Nobody knew who kept the lighthouse.",
    ]
