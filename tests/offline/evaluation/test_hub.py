import pytest

from lethe.offline.data.files import DataError
from lethe.offline.evaluation.hub import fetch_benchmark, hub_rows
from lethe.offline.evaluation.multiple_choice import load_mmlu, load_wmdp
from lethe.offline.evaluation.muse import MuseQuestions


class Hub:
    """Rows as the hub's data sets have them, and what was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, dataset, configuration, split):
        self.asked.append((dataset, configuration, split))
        choices = {"question": "Which?", "choices": ["a", "b", "c", "d"], "answer": 2, "subject": "anatomy"}
        return {
            "verbmem": [{"prompt": "The keeper", "gt": " rowed out"}],
            "knowmem": [{"question": "Who rang?", "answer": f"Orla of {split}"}],
            "privleak": [{"text": f"The keeper rang the bell for {split}"}],
        }.get(configuration, [choices])


def test_muse_arrives_in_the_layout_of_a_data_folder(tmp_path):
    hub = Hub()
    folder = fetch_benchmark("muse", "books", tmp_path, hub)
    questions = MuseQuestions.load("books", folder)
    assert questions.verbatim == [("The keeper", " rowed out")]
    assert questions.retain[0][1] == "Orla of retain_qa"
    assert questions.members == ["The keeper rang the bell for forget"]
    assert {dataset for dataset, *_ in hub.asked} == {"muse-bench/MUSE-Books"}


@pytest.mark.parametrize(("benchmark", "load"), [("wmdp", load_wmdp), ("mmlu", load_mmlu)])
def test_multiple_choice_arrives_in_the_layout_of_a_data_folder(benchmark, load, tmp_path):
    question = load(fetch_benchmark(benchmark, "books", tmp_path, Hub()))[0]
    assert (question.question, question.choices, question.answer) == ("Which?", ("a", "b", "c", "d"), 2)


@pytest.mark.parametrize("benchmark", ["muse", "wmdp", "mmlu"])
def test_what_is_there_is_not_fetched_again(benchmark, tmp_path):
    fetch_benchmark(benchmark, "news", tmp_path, Hub())
    again = Hub()
    fetch_benchmark(benchmark, "news", tmp_path, again)
    assert again.asked == []


def test_an_interrupted_fetch_leaves_no_part_of_a_benchmark(tmp_path):
    def broken(dataset, configuration, split):
        raise DataError("no network")

    with pytest.raises(DataError, match="no network"):
        fetch_benchmark("mmlu", "books", tmp_path, broken)
    assert list(tmp_path.rglob("*.csv")) == []


def test_a_benchmark_that_the_hub_does_not_have_is_read_from_a_folder(tmp_path):
    with pytest.raises(DataError, match="LETHE_DATA_DIR"):
        fetch_benchmark("general", "books", tmp_path, Hub())


def test_rows_are_read_from_the_parquet_copy(tmp_path, monkeypatch):
    import huggingface_hub
    import pyarrow
    from pyarrow import parquet

    file = tmp_path / "0000.parquet"
    parquet.write_table(pyarrow.table({"question": ["Who?"], "choices": [["a", "b"]]}), file)
    asked = {}

    def download(dataset, path, **options):
        asked.update(dataset=dataset, path=path, **options)
        return str(file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert hub_rows("cais/wmdp", "wmdp-bio", "test") == [{"question": "Who?", "choices": ["a", "b"]}]
    assert asked["path"] == "wmdp-bio/test/0000.parquet"


def test_a_hub_that_cannot_be_reached_is_said_in_one_line(monkeypatch):
    import huggingface_hub

    def unreachable(*_arguments, **_options):
        raise OSError("no route")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    with pytest.raises(DataError, match="cannot be downloaded"):
        hub_rows("cais/wmdp", "wmdp-bio", "test")
