"""The metrics of several engines stand on one page, each told apart."""

from prometheus_client.parser import text_string_to_metric_families

from lethe.server.engines.metrics_pages import merge_pages


def test_pages_are_merged_family_by_family() -> None:
    head = "# HELP a What.\n# TYPE a gauge\n"
    pages = {"x:1": head + 'a{b="c"} 1.0\na 2 17\n', "y:2": head + "a 3\n"}
    assert merge_pages(pages) == head + (
        'a{engine="x:1",b="c"} 1.0\na{engine="x:1"} 2 17\na{engine="y:2"} 3\n'
    )


def test_a_label_engine_of_the_engines_own_is_kept_by_another_name() -> None:
    page = '# TYPE a gauge\na{engine="0",model_name="m"} 1.0\na{model_name="m,engine=",engine="1"} 2.0\n'
    (family,) = text_string_to_metric_families(merge_pages({"x:1": page}))
    assert [sample.labels for sample in family.samples] == [
        {"engine": "x:1", "exported_engine": "0", "model_name": "m"},
        {"engine": "x:1", "exported_engine": "1", "model_name": "m,engine="},
    ]
