"""What lies on this machine is found to be well, worth a look, or a fault, with the reason."""

from pathlib import Path

import pytest

from lethe.bundle import Action
from lethe.server.access.key_file import create_key, revoke_key, set_team
from lethe.server.audit.files import audit_files
from lethe.server.audit.log import AuditLog
from lethe.server.diagnosis.check import Health, Observation
from lethe.server.diagnosis.files import check_files
from lethe.server.settings.loading import load_settings
from lethe.server.settings.settings import Settings
from lethe.server.targets.rollout import change_deployment
from tests.server.certificates import WriteCertificate, write_certificate
from tests.server.stack import write_target

__all__ = ["write_certificate"]


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    folder = tmp_path / "targets"
    folder.mkdir()
    write_target(folder, "books")
    return folder


def found(settings: Settings, subject: str) -> Observation:
    [check] = [each for each in check_files(settings) if each.subject == subject]
    return check


def with_settings(targets: Path, **changes: object) -> Settings:
    return load_settings(None, {"targets": targets, "cache_dir": targets.parent / "cache", **changes})


def test_what_is_in_force_is_named_with_its_version_and_action(targets: Path) -> None:
    check = found(with_settings(targets), "bundles")
    assert check.health is Health.WELL
    assert "books " in check.words
    assert check.words.endswith("corrupt")


def test_a_damaged_bundle_is_a_fault_until_it_is_disabled(targets: Path) -> None:
    write_target(targets, "films", Action.REFUSE)
    (targets / "films" / "classifier" / "head.json").write_text("changed")
    assert found(with_settings(targets), "bundles").health is Health.FAULTY
    change_deployment(targets, "films", enabled=False)
    check = found(with_settings(targets), "bundles")
    assert check.health is Health.DOUBTFUL
    assert "damaged and disabled: films" in check.words


def test_without_keys_an_open_address_is_worth_a_look_and_loopback_is_not(targets: Path) -> None:
    assert found(with_settings(targets), "keys").health is Health.WELL
    assert found(with_settings(targets, host="0.0.0.0"), "keys").health is Health.DOUBTFUL


def test_a_policy_for_a_target_that_there_is_not_is_worth_a_look(targets: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    create_key(keys, exempt={"books"})
    assert found(with_settings(targets, keys=keys), "keys").health is Health.WELL
    set_team(keys, "research", targets={"book": {"action": "refuse"}})
    check = found(with_settings(targets, keys=keys), "keys")
    assert check.health is Health.DOUBTFUL
    assert check.words.endswith("for targets that there are not: book")


def test_a_file_without_a_valid_key_is_a_fault(targets: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    key, _ = create_key(keys)
    assert "1 valid of 1" in found(with_settings(targets, keys=keys), "keys").words
    revoke_key(keys, key.id)
    assert found(with_settings(targets, keys=keys), "keys").health is Health.FAULTY


def test_a_broken_seal_of_the_log_is_a_fault(targets: Path, tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit", max_bytes=1 << 20, keep=2)
    for number in range(3):
        log.record({"entry": number})
    log.close()
    settings = with_settings(targets, audit={"folder": tmp_path / "audit"})
    assert found(settings, "audit").words == "3 entries, no seal broken"
    [file] = audit_files(tmp_path / "audit")
    file.write_text(file.read_text().replace('"entry":1', '"entry":9'))
    assert found(settings, "audit").health is Health.FAULTY


def test_a_log_that_commands_alone_have_written_is_no_fault(targets: Path, tmp_path: Path) -> None:
    settings = with_settings(targets, audit={"folder": tmp_path / "audit"})
    assert found(settings, "audit").health is Health.DOUBTFUL
    log = AuditLog(tmp_path / "audit" / "commands", max_bytes=1 << 20, keep=2)
    log.record({"event": "key_created"})
    log.close()
    check = found(settings, "audit")
    assert check.health is Health.DOUBTFUL
    assert "no decisions yet" in check.words


def test_a_certificate_that_expires_soon_is_worth_a_look(
    targets: Path, write_certificate: WriteCertificate
) -> None:
    settings = with_settings(targets, tls=write_certificate("lethe").model_dump())
    assert found(settings, "certificate").health is Health.DOUBTFUL
    # Others look for the certificate only where there is one.
    assert not [each for each in check_files(with_settings(targets)) if each.subject == "certificate"]


def test_a_head_for_another_encoder_is_a_fault(targets: Path) -> None:
    write_target(targets, "films", encoder={"id": "org/encoder", "sha256": "1" * 64})
    assert "films stands on org/encoder" in found(with_settings(targets), "encoder").words
