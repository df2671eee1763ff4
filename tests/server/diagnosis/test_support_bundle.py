"""What is sent to somebody who helps holds no secret, no prompt, and no name of what is to be forgotten."""

import stat
import tarfile
from pathlib import Path

import pytest

from lethe.server.audit.log import AuditLog
from lethe.server.diagnosis.check import faulty
from lethe.server.diagnosis.support_bundle import write_support_bundle
from lethe.server.settings.loading import load_settings
from tests.server.stack import write_target

_SECRETS = ("sesame", "hunter2", "hf_token", "ada-sorrel", "ben-sorrel", "Who is Ada", "Ada is")


@pytest.fixture
def contents(tmp_path: Path) -> dict[str, str]:
    """The files of a bundle of an installation that is full of secrets."""
    targets = tmp_path / "targets"
    targets.mkdir()
    write_target(targets, "ada-sorrel", description="Ada is to be forgotten")
    log = AuditLog(tmp_path / "audit", max_bytes=1 << 20, keep=2)
    flagged = [{"target": name, "action": "corrupt"} for name in ("ada-sorrel", "ben-sorrel")]
    log.record(
        {
            "flagged": flagged,
            "action": "corrupt",
            "text": "Who is Ada?",
            "status": 200,
            "key": "k",
            "total_ms": 2.0,
        }
    )
    log.close()
    settings = load_settings(
        None,
        {
            "targets": targets,
            "audit": {"folder": tmp_path / "audit"},
            "engine": {
                "url": "http://engine:8000",
                "api_key": "sesame",
                "args": ["--hf-token", "hf_token"],
            },
            "redis": {"url": "redis://:hunter2@redis:6379"},
            "tracing": {"endpoint": "http://user:hunter2@collector:4318/v1/traces"},
            "policy": {"refusal": "Ada is none of your business", "verify": {"ada-sorrel": "engine"}},
        },
    )
    path = tmp_path / "support.tar.gz"
    numbers = write_support_bundle(path, settings, [faulty("bundles", "bundle ada-sorrel: it is damaged")])
    # One was removed, and the log still has its name.
    assert numbers == {"target-1": "ada-sorrel", "target-2": "ben-sorrel"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        return {name.partition("/")[2]: file.read().decode() for name, file in files.items() if file}


def test_no_secret_no_prompt_and_no_name_is_in_it(contents: dict[str, str]) -> None:
    assert not {(name, secret) for name, text in contents.items() for secret in _SECRETS if secret in text}


def test_what_helps_is_in_it(contents: dict[str, str]) -> None:
    assert contents["doctor.txt"] == "fault bundles: bundle target-1: it is damaged\n"
    assert "engine:8000" in contents["settings.yaml"]
    assert '"name": "target-1"' in contents["targets.json"]
    assert '"requests": 1' in contents["audit.json"]
    assert "pydantic==" in contents["packages.txt"]
