"""The suites: how each is had, in an environment of its own below the cache, and how it is run against an address."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from bench.page import vllm_distribution

_FILES = Path(__file__).resolve().parent / "suite_files"
_TEST_S, _SUITE_S = 90, 3600
_PYTEST = ("pytest==9.2.0", "pytest-asyncio==1.5.0", "pytest-timeout==2.4.0")
_MODEL_NAME = re.compile(r'^\w*MODEL_NAME\w* = "([^"]+)"|model="([^"]+)"', re.MULTILINE)


class CannotBeHad(Exception):
    """A suite cannot be installed here; the message says why."""


class Suite(ABC):
    """Tests of somebody's.

    Parameters
    ----------
    name
        What it is, with its version.
    packages
        What is installed for it.
    cache
        Where its environment is kept.
    """

    def __init__(self, name: str, packages: Sequence[str], cache: Path) -> None:
        self.name = name
        self._packages = packages
        self._folder = cache / re.sub(r"\W+", "-", name).strip("-").lower()

    def prepare(self) -> None:
        """Install it, on first use.

        Raises
        ------
        CannotBeHad
            It cannot be.
        """
        if (self._folder / "complete").exists():
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._install()
        (self._folder / "complete").touch()

    def run(
        self,
        url: str,
        model: str,
        model_folder: Path,
        only: Collection[str] | None = None,
        *,
        key: str = "none",
    ) -> dict[str, bool]:
        """Which tests pass at an address, by name; those that are skipped are left out.

        Parameters
        ----------
        model, model_folder
            What is served there, and where its tokenizer is.
        only
            The tests to run; all by default.
        key
            What is asked with; vLLM's own tests have one of theirs.
        """
        report = self._folder / "report.xml"
        report.unlink(missing_ok=True)
        told = {
            "COMPATIBILITY_URL": url,
            "COMPATIBILITY_KEY": key,
            "COMPATIBILITY_MODEL": model,
            "COMPATIBILITY_TOKENIZER": str(model_folder),
            "HF_HUB_OFFLINE": "1",
        }
        _call(self._command(report, only), self._folder, told, _SUITE_S, check=False)
        if not report.exists():
            raise SystemExit(f"{self.name} has left no report; run it in {self._folder}")
        found = {_name(case): _passed(case) for case in ElementTree.parse(report).iter("testcase")}
        return {name: passed for name, passed in found.items() if passed is not None}

    @abstractmethod
    def _install(self) -> None:
        """Fill the folder."""

    @abstractmethod
    def _command(self, report: Path, only: Collection[str] | None) -> Sequence[str]:
        """What runs tests and leaves a report in JUnit's form."""

    def _call(self, *command: str | Path, environment: Mapping[str, str] | None = None) -> None:
        _call([str(each) for each in command], self._folder, environment or {}, 900)


class PytestSuite(Suite):
    """Tests of this folder for a client of somebody's."""

    def __init__(self, name: str, packages: Sequence[str], cache: Path, file: str) -> None:
        super().__init__(name, packages, cache)
        self._file = file

    @property
    def _python(self) -> Path:
        return self._folder / "environment" / "bin" / "python"

    def _install(self) -> None:
        venv.create(self._folder / "environment", with_pip=True)
        self._pip("install", *_PYTEST, *self._packages)
        # Where no settings of this project's own tests are near.
        shutil.copy(_FILES / self._file, self._folder / f"test_{self._file}")

    def _pip(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._call(
            self._python,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--quiet",
            *arguments,
            environment=environment,
        )

    def _command(self, report: Path, only: Collection[str] | None) -> Sequence[str]:
        shutil.copy(_FILES / self._file, self._folder / f"test_{self._file}")
        return self._pytest(report, [f"test_{self._file}"], only)

    def _pytest(self, report: Path, files: Sequence[str], only: Collection[str] | None) -> list[str]:
        command = [
            str(self._python),
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "asyncio_mode=auto",
        ]
        command += ["--timeout", str(_TEST_S), "--junitxml", str(report), "--rootdir", str(self._folder)]
        return command + (_node_ids(files, only) if only else list(files))


class VllmSuite(PytestSuite):
    """vLLM's own tests of its server, from its source package, in the environment of the engine and a few packages more."""

    FILES = (
        "openai/chat_completion/test_batched_chat_completions.py",
        "openai/chat_completion/test_chat.py",
        "openai/chat_completion/test_chat_completion.py",
        "openai/chat_completion/test_chat_echo.py",
        "openai/chat_completion/test_chat_logit_bias_validation.py",
        "openai/chat_completion/test_logprob_token_ids.py",
        "openai/completion/test_completion.py",
        "openai/completion/test_prompt_validation.py",
        "openai/completion/test_token_in_token_out.py",
        "openai/models/test_models.py",
        "openai/responses/test_simple.py",
        "openai/responses/test_stateful.py",
        "openai/responses/test_structured_output.py",
        "openai/test_chunked_prompt.py",
        "openai/test_return_token_ids.py",
        "openai/test_return_tokens_as_ids.py",
        "serve/instrumentator/test_basic.py",
        "serve/tokenize/test_tokenization.py",
        # These have the model say the most.
        "anthropic/test_messages.py",
    )

    def __init__(self, version: str, cache: Path) -> None:
        super().__init__(f"vLLM {version}, server tests", ("tblib==3.2.2",), cache, "vllm_redirect.py")
        self._version = version

    @property
    def model_names(self) -> list[str]:
        """The models that the tests name."""
        names = {
            name
            for file in self._paths
            for each in _MODEL_NAME.findall((self._folder / file).read_text())
            for name in each
        }
        return sorted(names - {""})

    @property
    def _paths(self) -> list[str]:
        return [f"tests/entrypoints/{file}" for file in self.FILES]

    def _install(self) -> None:
        venv.create(self._folder / "environment", with_pip=True)
        site = Path(sysconfig.get_path("purelib", vars={"base": str(self._folder / "environment")}))
        (site / "engine.pth").write_text(sysconfig.get_path("purelib") + "\n")
        # pip asks a source package for its metadata before it gives it out, and vLLM's own build has to tell them.
        self._pip(
            "install",
            *_PYTEST,
            *self._packages,
            "setuptools>=80",
            "setuptools-scm",
            "setuptools-rust",
            "wheel",
        )
        build = {"VLLM_TARGET_DEVICE": "empty", "VLLM_VERSION_OVERRIDE": self._version}
        options = ("--no-deps", "--no-build-isolation", "--no-binary", "vllm", "--dest", str(self._folder))
        self._pip("download", *options, f"vllm=={self._version}", environment=build)
        with tarfile.open(self._folder / f"vllm-{self._version}.tar.gz") as package:
            beginning = f"vllm-{self._version}/"
            members = [each for each in package.getmembers() if each.name.startswith(f"{beginning}tests/")]
            for member in members:
                member.name = member.name.removeprefix(beginning)
            package.extractall(self._folder, members, filter="data")

    def _command(self, report: Path, only: Collection[str] | None) -> Sequence[str]:
        shutil.copy(_FILES / self._file, self._folder / self._file)
        command = self._pytest(report, self._paths, only)
        return [*command, "-p", Path(self._file).stem, "-p", "no:xdist"]


class NodeSuite(Suite):
    """Tests of this folder for a client in JavaScript."""

    FILE = "openai_node.mjs"

    def _install(self) -> None:
        if shutil.which("npm") is None:
            raise CannotBeHad("there is no npm")
        (self._folder / "package.json").write_text("{}\n")
        self._call("npm", "install", "--silent", "--no-audit", "--no-fund", *self._packages)

    def _command(self, report: Path, only: Collection[str] | None) -> Sequence[str]:
        shutil.copy(_FILES / self.FILE, self._folder / self.FILE)
        chosen = [f"--test-name-pattern=^{re.escape(name)}$" for name in only or ()]
        reporter = ("--test-reporter=junit", f"--test-reporter-destination={report}")
        return ["node", "--test", f"--test-timeout={1000 * _TEST_S}", *reporter, *chosen, self.FILE]


def openai_python(cache: Path) -> PytestSuite:
    """What OpenAI's Python client is used for."""
    return PytestSuite("openai-python 3.57.0", ("openai==3.57.0",), cache, "openai_python.py")


def all_suites(cache: Path) -> list[Suite]:
    """Every suite, with the versions that are asked."""
    return [
        VllmSuite(importlib.metadata.version(vllm_distribution()), cache),
        PytestSuite(
            "LangChain, standard tests 1.1.9 of langchain-openai 1.7.4",
            ("langchain-openai==1.7.4", "langchain-tests==1.1.9"),
            cache,
            "langchain_standard.py",
        ),
        openai_python(cache),
        NodeSuite("openai-node 7.59.0", ("openai@7.59.0",), cache),
    ]


def _name(case: ElementTree.Element) -> str:
    place = case.get("classname", "")
    return case.get("name", "") if place in ("", "test") else f"{place}::{case.get('name')}"


def _passed(case: ElementTree.Element) -> bool | None:
    if case.find("skipped") is not None:
        return None
    return case.find("failure") is None and case.find("error") is None


def _node_ids(files: Sequence[str], names: Collection[str]) -> list[str]:
    """What pytest calls the tests that its report names."""
    ids: list[str] = []
    for name in names:
        place, _, test = name.partition("::")
        file = next(
            each for each in files if f"{place}.".startswith(each.removesuffix(".py").replace("/", ".") + ".")
        )
        within = place[len(file.removesuffix(".py")) :].strip(".").replace(".", "::")
        ids.append("::".join(filter(None, (file, within, test))))
    return ids


def _call(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    *,
    check: bool = True,
) -> None:
    told = {**os.environ, "PYTHONPATH": str(folder), **environment}
    output = None if not check else sys.stderr
    try:
        subprocess.run(
            command, cwd=folder, env=told, check=check, timeout=seconds, stdout=output or subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotBeHad(str(error)) from None
