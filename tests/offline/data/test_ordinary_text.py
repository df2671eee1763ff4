import gzip
import os
from itertools import islice
from pathlib import Path

import pytest

from lethe.offline.data.files import DataError
from lethe.offline.data.ordinary_text import documents, documents_by_kind, machine_folders, part_of

TALE = "There was once a pond in the old garden, and nobody knew how deep it was. "


def sentences(about: str, count: int = 20) -> str:
    """Text that is long enough to be a document, and opens as no other does."""
    return " ".join(
        f"Line {number} on {about} says a little more than the one before it." for number in range(count)
    )


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of ten packages, one of them with fifty files and the others with two."""
    for package in range(10):
        for file in range(50 if package == 0 else 2):
            write(tmp_path / f"package{package}" / f"f{file}.md", sentences(f"{package} and {file}"))
    return tmp_path


def names(folder: Path, **choices) -> list[str]:
    return [str(each.path.relative_to(folder)) for each in documents([folder], seed=1, **choices)]


def test_packages_come_in_turns(machine):
    first = [each.origin for each in islice(documents([machine], seed=1), 20)]
    assert sorted(first[:10]) == sorted(first[10:]) == [f"package{number}" for number in range(10)]


def test_a_turn_of_many_characters_keeps_a_packages_documents_together(machine):
    first = [each.origin for each in islice(documents([machine], seed=1, characters_a_turn=2000), 4)]
    assert first[0] == first[1] != first[2] == first[3]


def test_the_seed_decides_the_order_and_nothing_else(machine):
    one = names(machine)
    assert names(machine) == one
    other = [str(each.path.relative_to(machine)) for each in documents([machine], seed=2)]
    assert other != one
    assert sorted(other) == sorted(one)


def test_another_file_changes_the_order_of_no_others_in_its_package(machine):
    before = [name for name in names(machine) if name.startswith("package0")]
    write(machine / "package0" / "new.md", sentences("what is new"))
    after = [name for name in names(machine) if name.startswith("package0")]
    assert [name for name in after if name != "package0/new.md"] == before


def test_a_stream_that_was_cut_off_goes_on(machine):
    whole = list(documents([machine], seed=1))
    assert [each.number for each in whole] == list(range(len(whole)))
    assert list(documents([machine], seed=1, first=7)) == whole[7:]


def test_streams_of_each_kind_are_those_of_one_kind_alone(machine):
    write(machine / "package1" / "code.py", "# A program.\n" + sentences("programs"))
    write(machine / "package2" / "tale.txt", TALE * 10)
    streams = {kind: list(stream) for kind, stream in documents_by_kind([machine], seed=1).items()}
    assert streams == {kind: list(documents([machine], seed=1, kinds=[kind])) for kind in streams}
    assert streams["python"]
    assert streams["prose"]


def test_streams_of_all_kinds_list_the_folders_once(machine):
    streams = documents_by_kind([machine], seed=1)
    assert list(streams["docs"])
    write(machine / "package1" / "code.py", sentences("programs"))
    assert not list(streams["python"])


def test_halves_share_no_package_and_miss_none(machine):
    halves = [{each.origin for each in documents([machine], seed=1, part=part)} for part in ("train", "test")]
    assert not halves[0] & halves[1]
    assert halves[0] | halves[1] == {f"package{number}" for number in range(10)}
    assert all(halves)


def test_the_half_of_a_package_is_the_same_on_every_machine():
    assert [part_of(name) for name in ("numpy", "NumPy", "json", "man1")] == ["test", "test", "train", "test"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("p/a.py", "python"),
        ("p/a.ts", "javascript"),
        ("p/a.hpp", "c"),
        ("p/a.json", "json"),
        ("p/a.rst", "docs"),
        ("p/README", "docs"),
        ("p/a.log", "log"),
        ("p/changelog.Debian", "log"),
        ("p/a.csv", "table"),
        ("man/man1/ls.1", "manpage"),
    ],
)
def test_kinds_go_by_the_files_names(tmp_path, name, kind):
    write(tmp_path / name, "[1] = {a: 2};\n" * 100)
    assert [each.kind for each in documents([tmp_path], seed=1)] == [kind]


def test_running_text_is_prose_and_other_files_without_a_suffix_are_left_out(tmp_path):
    write(tmp_path / "p" / "tale", TALE * 20)
    write(tmp_path / "p" / "Makefile", "all: $(OBJECTS)\n\t$(CC) -o $@ $^\n" * 30)
    assert [(each.path.name, each.kind) for each in documents([tmp_path], seed=1)] == [("tale", "prose")]


def test_only_wanted_kinds_are_given(tmp_path):
    write(tmp_path / "p" / "tale.txt", TALE * 20)
    write(tmp_path / "p" / "a.rst", "[1] = {a: 2};\n" * 100)
    write(tmp_path / "p" / "a.py", "a = 1\n" * 100)
    assert [each.kind for each in documents([tmp_path], seed=1, kinds=["prose"])] == ["prose"]
    assert [each.kind for each in documents([tmp_path], seed=1, kinds=["docs"])] == ["docs"]


def test_markup_is_taken_away(tmp_path):
    filler = sentences("gardens")
    page = f"<head><style>p {{}}</style></head><p>Roses &amp; thyme</p><script>x < 1</script><p>{filler}</p>"
    manual = (
        f'.\\" A comment\n.TH LS 1\n.SH NAME\nls \\- list \\fBall\\fR files\n.ie n \\{{\\\n.PP\n{filler}\n'
    )
    write(tmp_path / "p" / "page.html", page)
    write(tmp_path / "man" / "man1" / "ls.1.gz", gzip.compress(manual.encode()))
    found = {each.kind: each.text for each in documents([tmp_path], seed=1)}
    assert found["prose" if "prose" in found else "docs"] == f"Roses & thyme\n\n{filler}"
    assert found["manpage"] == f"LS 1\nNAME\nls - list all files\n\n{filler}"


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("man/de/man1/ls.1", "Ein Satz. ", "de"),
        ("man/pt_BR/man1/ls.1", "Uma frase. ", "pt"),
        ("help-ja/a.md", "庭に池がある。", "ja"),
        ("help-ja/a.md", "Not translated yet. ", "en"),
        ("p/ch01.fr.html", "Une phrase. ", "fr"),
        ("p/help/zh-CN/a.md", "花园里有一个池塘。", "zh"),
        ("p/a.md", "В саду есть пруд. ", "unknown"),
        ("p/it/a.py", "a = 1\n", "en"),
        ("p/a.md", "A pond. ", "en"),
    ],
)
def test_languages_go_by_the_path_and_the_script(tmp_path, name, text, language):
    write(tmp_path / name, text * 200)
    assert [each.language for each in documents([tmp_path], seed=1)] == [language]


def test_what_cannot_be_read_is_left_out(tmp_path):
    folder = tmp_path / "p"
    good = write(folder / "good.txt", sentences("a good file"))
    write(folder / "short.txt", "Too short.")
    write(folder / "binary.txt", b"\0\1\2" * 400)
    write(folder / "latin.txt", "Gärten ".encode("latin-1") * 200)
    write(folder / "cut.md.gz", gzip.compress(os.urandom(2000))[:900])
    write(folder / "plain.md.gz", sentences("a file that is not compressed"))
    write(folder / "LICENSE", sentences("a licence"))
    write(folder / "__pycache__" / "a.txt", sentences("a cache"))
    write(folder / "p-1.dist-info" / "RECORD.txt", sentences("a record"))
    os.mkfifo(folder / "pipe.txt")
    (folder / "link.txt").symlink_to(good)
    (folder / "round").symlink_to(folder)
    (folder / "nowhere.txt").symlink_to(folder / "nothing")
    assert [each.path for each in documents([tmp_path], seed=1)] == [good]


def test_copies_are_given_once(tmp_path):
    text = sentences("a pond")
    for number, copy in enumerate([text, text, text.replace(" ", "\n"), text + " And an end of its own."]):
        write(tmp_path / f"p{number}" / "a.md", copy)
    assert len(list(documents([tmp_path], seed=1))) == 1


def test_a_licence_at_the_top_makes_no_copies_of_programs(tmp_path):
    licence = "".join(f"# {sentences('a licence', 1)}\n" for _ in range(10))
    for number in range(3):
        write(tmp_path / f"p{number}" / "a.py", f"{licence}\na = {number}\n" + "b = 1\n" * 50)
    assert len(list(documents([tmp_path], seed=1))) == 3


def test_a_huge_file_gives_a_stretch(tmp_path):
    lines = [f"Row {number} of the register stands here.\n" for number in range(20_000)]
    write(tmp_path / "p" / "a.txt", "".join(lines))
    found = list(documents([tmp_path], seed=1, maximum_characters=1000))
    assert [len(each.text) for each in found] == [1000]
    assert found[0].text.startswith("Row ")
    assert found[0].text in "".join(lines)


def test_a_stretch_of_a_huge_line_begins_with_a_word(tmp_path):
    for number in range(5):
        write(tmp_path / "p" / f"{number}.txt", f"register{number} " + "register " * 20_000)
    for each in documents([tmp_path], seed=1, maximum_characters=1000):
        assert each.text.startswith("register ")
        assert len(each.text) == 1000


def test_files_beside_packages_are_a_package_of_their_own(tmp_path):
    write(tmp_path / "library" / "a.md", sentences("what lies beside"))
    write(tmp_path / "library" / "p" / "b.md", sentences("what lies within"))
    assert {each.origin for each in documents([tmp_path / "library"], seed=1)} == {"library", "p"}


def test_a_missing_folder_is_told_before_anything_is_read(tmp_path):
    with pytest.raises(DataError, match="nowhere cannot be read as a folder of ordinary text"):
        documents([tmp_path / "nowhere"], seed=1)


def test_a_machine_has_ordinary_programs():
    first = list(islice(documents(machine_folders(), seed=1, kinds=["python"]), 5))
    assert len({each.origin for each in first}) == 5
