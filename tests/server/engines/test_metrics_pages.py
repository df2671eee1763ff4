"""The metrics of several engines stand on one page, each told apart."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from lethe.server.engines.metrics_pages import merge_pages


def by_engine(pages: dict[str, str]) -> list[tuple[dict[str, str], str]]:
    return [({"engine": engine}, page) for engine, page in pages.items()]


def test_pages_are_merged_family_by_family() -> None:
    head = "# HELP a What.\n# TYPE a gauge\n"
    pages = {"x:1": head + 'a{b="c"} 1.0\na 2 17\n', "y:2": head + "a 3\n"}
    assert merge_pages(by_engine(pages)) == head + (
        'a{engine="x:1",b="c"} 1.0\na{engine="x:1"} 2 17\na{engine="y:2"} 3\n'
    )


def test_a_label_engine_of_the_engines_own_is_kept_by_another_name() -> None:
    page = '# TYPE a gauge\na{engine="0",model_name="m"} 1.0\na{model_name="m,engine=",engine="1"} 2.0\n'
    (family,) = text_string_to_metric_families(merge_pages(by_engine({"x:1": page})))
    assert [sample.labels for sample in family.samples] == [
        {"engine": "x:1", "exported_engine": "0", "model_name": "m"},
        {"engine": "x:1", "exported_engine": "1", "model_name": "m,engine="},
    ]


NAMES = st.sampled_from(["a", "a_b", "vllm:running"])
LABELS = st.dictionaries(st.sampled_from(["engine", "model"]), st.text(max_size=8), max_size=2)
PAGES = st.dictionaries(
    st.sampled_from(["x:1", "y:2", "z:3"]),
    st.dictionaries(NAMES, st.tuples(LABELS, st.integers(0, 9)), max_size=3),
    max_size=3,
)


@settings(max_examples=50)
@example({"x:1": {"a": ({"model": "\x85\u2028"}, 1)}})
@given(PAGES)
def test_every_sample_of_every_page_is_there_once_and_told_apart(
    pages: dict[str, dict[str, tuple[dict[str, str], int]]],
) -> None:
    for further in ({}, {"model": "m"}):
        assert_told_apart(pages, further)


def assert_told_apart(
    pages: dict[str, dict[str, tuple[dict[str, str], int]]], further: dict[str, str]
) -> None:
    written: list[tuple[dict[str, str], str]] = []
    expected = []
    for engine, gauges in pages.items():
        registry = CollectorRegistry()
        for name, (labels, value) in gauges.items():
            gauge = Gauge(name, "What.", tuple(labels), registry=registry)
            (gauge.labels(**labels) if labels else gauge).set(value)
            own = {"engine": engine} | further
            renamed = {f"exported_{key}" if key in own else key: text for key, text in labels.items()}
            expected.append((name, renamed | own, value))
        written.append(({"engine": engine} | further, generate_latest(registry).decode()))
    families = list(text_string_to_metric_families(merge_pages(written)))
    found = [(each.name, each.labels, each.value) for family in families for each in family.samples]
    assert sorted(map(str_of, found)) == sorted(map(str_of, expected))
    assert len({family.name for family in families}) == len(families)


def str_of(sample: tuple[str, dict[str, str], float]) -> str:
    """The sample as something that can be sorted."""
    name, labels, value = sample
    return repr((name, sorted(labels.items()), float(value)))


def test_what_is_no_sample_is_left_out_and_no_page_is_empty() -> None:
    assert merge_pages(by_engine({"x:1": "<html>\n# EOF\n\na 1\n", "y:2": ""})) == 'a{engine="x:1"} 1\n'
    assert merge_pages([]) == "\n"
