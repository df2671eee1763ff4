from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.data.json_lines import append_lines, read_whole_lines

values = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), min_size=1, max_size=4)


@given(values, values, st.data())
def test_a_file_cut_anywhere_loses_the_cut_line_alone(tmp_path_factory, first, second, data):
    path = tmp_path_factory.mktemp("lines") / "record.jsonl"
    append_lines(path, first)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    append_lines(path, second)
    kept = read_whole_lines(path)
    assert kept[:whole] == first[:whole]
    assert kept[len(kept) - len(second) :] == second
    assert len(kept) - whole - len(second) in (0, 1)


def test_no_file_holds_nothing(tmp_path):
    assert read_whole_lines(tmp_path / "none.jsonl") == []
