"""Settings come from a file, the environment and the command line, and a bad one is named."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from lethe.server.errors import OperatorError
from lethe.server.settings.loading import load_settings
from lethe.server.settings.policy import Fallback


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LETHE_PORT", "LETHE_ENGINE__URL", "LETHE_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_the_command_line_wins_over_the_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lethe.yaml"
    file.write_text("port: 1001\nhost: 0.0.0.0\nengine: {model: from-file, args: [--seed, '1']}\n")
    monkeypatch.setenv("LETHE_PORT", "1002")
    monkeypatch.setenv("LETHE_ENGINE__URL", "http://engine:8000")
    monkeypatch.setenv("LETHE_POLICY__ON_ERROR", "corrupt")
    settings = load_settings(file, {"engine": {"model": "from-command-line"}})
    assert settings.port == 1002
    assert settings.host == "0.0.0.0"
    assert settings.engine.model == "from-command-line"
    assert settings.engine.args == ("--seed", "1")
    assert [str(url) for url in settings.engine.url] == ["http://engine:8000/"]
    assert settings.policy.on_error is Fallback.CORRUPT


def test_a_path_in_a_file_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/lethe")
    file = tmp_path / "lethe.yaml"
    file.write_text("cache_dir: ~/cache\ntls: {cert: ~/tls.crt, key: /etc/~tls.key}\n")
    settings = load_settings(file)
    assert settings.cache_dir == Path("/home/lethe/cache")
    assert settings.tls.cert == Path("/home/lethe/tls.crt")
    assert settings.tls.key == Path("/etc/~tls.key")


def test_several_engines_are_named_with_commas_or_as_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lethe.yaml"
    file.write_text("engine: {url: [http://a:1, http://b:2]}")
    listed = load_settings(file).engine.url
    monkeypatch.setenv("LETHE_ENGINE__URL", "http://a:1, http://b:2")
    assert load_settings().engine.url == listed
    assert [url.host for url in listed] == ["a", "b"]


@pytest.mark.parametrize(
    ("variable", "value", "listed"),
    [
        ("LETHE_CORS_ORIGINS", "http://page", ["http://page"]),
        ("LETHE_CORS_ORIGINS", "http://page, http://other:3000", ["http://page", "http://other:3000"]),
        ("LETHE_CORS_ORIGINS", '["http://page"]', ["http://page"]),
        ("LETHE_CORS_ORIGINS", "", []),
        ("LETHE_ENGINE__ARGS", "--max-model-len 4096", ["--max-model-len", "4096"]),
        ("LETHE_ENGINE__ARGS", "--override '{\"a\": 1}'", ["--override", '{"a": 1}']),
        ("LETHE_ENGINE__ARGS", '["--max-model-len", "4096"]', ["--max-model-len", "4096"]),
        ("LETHE_ENGINE__URL", '["http://a:1/"]', ["http://a:1/"]),
    ],
)
def test_a_list_is_written_in_json_or_as_one_would_write_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, listed: list[str]
) -> None:
    monkeypatch.setenv(variable, value)
    settings = load_settings()
    read = {
        "LETHE_CORS_ORIGINS": settings.cors_origins,
        "LETHE_ENGINE__ARGS": settings.engine.args,
        "LETHE_ENGINE__URL": settings.engine.url,
    }
    assert [str(each) for each in read[variable]] == listed


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "LETHE_CORS_ORIGINS",
            '["http://page"',
            "cors_origins: .*must be a list in JSON, or its parts with commas",
        ),
        (
            "LETHE_ENGINE__ARGS",
            "--name 'open",
            r"engine\.args: .*must be a list in JSON, or words as in a shell",
        ),
        ("LETHE_ENGINE__ARGS", "[1]", r"engine\.args\.0: .*got 1"),
        ("LETHE_ENGINE", "http://engine:8000", "engine: the variable LETHE_ENGINE must be an object in JSON"),
    ],
)
def test_a_variable_that_cannot_be_read_is_told_in_an_operators_words(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(OperatorError, match=message) as told:
        load_settings()
    assert "Source" not in str(told.value)


def test_the_shipped_targets_are_the_default() -> None:
    assert load_settings().targets.name == "targets"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"port": 0}, "port: input should be greater than or equal to 1, got 0"),
        ({"port": "x"}, "port: .* got 'x'"),
        ({"limits": {"keep_alive_s": "inf"}}, r"limits\.keep_alive_s: input should be a finite number"),
        ({"drain_delay_s": "nan"}, "drain_delay_s: input should be"),
        ({"classifier": {"deadline_seconds": "inf"}}, r"classifier\.deadline_seconds: .* finite"),
        ({"engine": {"url": "nowhere"}}, r"engine\.url\.0: .* got 'nowhere'"),
        ({"engine": {"url": "localhost:8000"}}, r"engine\.url\.0: URL scheme should be 'http'"),
        ({"engine": {"url": "http://user:secret@engine"}}, r"engine\.url\.0: .*no user and no password"),
        ({"engine": {"url": "http://engine/v1?key=a"}}, r"engine\.url\.0: .*without \? or #"),
        ({"engine": {"colour": 1}}, r"engine\.colour is not a setting"),
        ({"policy": {"on_error": "explode"}}, r"policy\.on_error: .*'block', 'pass', 'corrupt' or 'observe'"),
        ({"max_body_bytes": 1}, "max_body_bytes"),
        ({"limits": {"max_bodies_bytes": 1 << 20}}, "must not be less than max_body_bytes"),
        ({"max_body_bytes": 1 << 30}, "must not be less than max_body_bytes"),
    ],
)
def test_a_bad_value_is_named_with_what_would_be_right(overrides: dict, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        load_settings(None, overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        {"engine": {"api_key": 5471}},
        {"engine": {"api_key": ["5471"]}},
        {"engines": {"big": {"url": "http://engine", "api_key": 5471}}},
        {"redis": {"url": ["redis://:5471@redis"]}},
        {"redis": "redis://:5471@redis"},
        {"engine": {"url": "http://user:5471@engine/v1"}},
        {"engine": {"url": "http://engine/v1?key=5471"}},
        {"engine": {"url": ["nowhere://user:5471@engine?5471"]}},
    ],
)
def test_no_secret_is_told_of_a_bad_value(overrides: dict) -> None:
    with pytest.raises(OperatorError, match="bad settings: ") as told:
        load_settings(None, overrides)
    assert "5471" not in str(told.value)


def test_every_bad_value_is_named_at_once() -> None:
    with pytest.raises(OperatorError, match=r"port: .*; max_body_bytes: "):
        load_settings(None, {"port": 0, "max_body_bytes": 0})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "not valid YAML"),
        ("a: \udcff", "not valid YAML"),
        ("port: 2026-13-45", "not valid YAML"),
        ("- 1", "must hold settings"),
        ("prot: 1", "prot is not"),
    ],
)
def test_a_bad_file_is_told(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "lethe.yaml"
    file.write_text(content, errors="surrogateescape")
    with pytest.raises(OperatorError, match=message):
        load_settings(file)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot read"):
        load_settings(tmp_path / "nowhere.yaml")


def test_secrets_may_stand_in_files_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "lethe_engine__api_key").write_text("from-file\n")
    (secrets / "lethe_redis__url").write_text("redis://:password@redis\n")
    (secrets / "lethe_keys").write_text("/etc/keys.yaml\n")
    (secrets / "of_another_program").write_text("x")
    file = tmp_path / "lethe.yaml"
    file.write_text("engine: {api_key: from-yaml, model: m}\n")
    monkeypatch.setenv("LETHE_SECRETS_DIR", str(secrets))
    settings = load_settings(file)
    assert settings.engine.api_key == SecretStr("from-file")
    assert settings.engine.model == "m"
    assert settings.redis.url == SecretStr("redis://:password@redis")
    assert settings.keys == Path("/etc/keys.yaml")
    assert "password" not in repr(settings)
    monkeypatch.setenv("LETHE_ENGINE__API_KEY", "from-environment")
    assert load_settings(file).engine.api_key == SecretStr("from-environment")


def test_a_folder_of_secrets_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(OperatorError, match="nowhere"):
        load_settings()


def test_a_bad_secret_is_told_without_its_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lethe_redis__timeout_s").write_text("soon")
    (tmp_path / "lethe_engine__api_key").write_text("")
    monkeypatch.setenv("LETHE_SECRETS_DIR", str(tmp_path))
    with pytest.raises(OperatorError, match=r"redis\.timeout_s"):
        load_settings()
