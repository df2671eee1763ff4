"""Plugin and proxy of different releases are told apart, and refused where they do not understand each other."""

from importlib.metadata import version

import pytest

from lethe.server.engines.plugin import EnginePlugin, read_plugin


@pytest.mark.parametrize(
    ("page", "plugin"),
    [
        ("vllm:num_requests_running 0.0\n", None),
        (
            '# HELP lethe_plugin_info 1 where\nlethe_plugin_info{version="0.1.0"} 1.0\n',
            EnginePlugin("0.1.0", 1),
        ),
        (
            'lethe_plugin_info{runner="v1",version="0.3.0",vllm_version="0.32.0",wire="2"} 1.0\n',
            EnginePlugin("0.3.0", 2),
        ),
    ],
)
def test_the_gauge_tells_release_and_form_of_requests(page: str, plugin: EnginePlugin | None) -> None:
    assert read_plugin(page) == plugin


def test_another_form_of_requests_is_not_ours_and_another_release_is_named() -> None:
    ours = version("lethegate")
    assert EnginePlugin(ours, 1).reads_ours
    assert EnginePlugin(ours, 1).describe_skew() is None
    assert not EnginePlugin("9.0.0", 2).reads_ours
    assert EnginePlugin("9.0.0", 1).describe_skew() == f"its plugin is of release 9.0.0, the proxy of {ours}"
