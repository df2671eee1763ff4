"""What commands print on this machine, as an agent sends it on, and files of kinds that the traffic page has not.

Knows nothing about readers.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator

from lethe.offline.data.machine_files import machine_files

_COMMANDS = (
    "git log --stat -n 200", "git log --oneline -n 400", "git log -p -n 25", "git ls-files", "git show --stat HEAD~3", "git blame -L 1,150 README.md",
    "git ls-tree -r HEAD", "git shortlog -sn HEAD", "git config --list", "git grep -n lexicon", "ls -la /usr/bin", "ls -lR /etc", "find /usr/share -maxdepth 2", "du -a /etc",
    "ps aux", "df -h", "mount", "lscpu", "free -m", "uname -a", "id", "dpkg -l", "apt-cache show bash", "apt-cache depends python3", "pip list", "pip freeze", "npm help install",
    "grep -rn import server/app.py", "wc -l -- CHANGELOG.md README.md Makefile", "cat -n server/app.py", "head -c 3000 -v Makefile", "diff -u docs/models.md docs/faq.md", "file -L /usr/bin/perl",
    "stat /etc/passwd", "sha256sum server/app.py server/serve.py README.md", "md5sum /etc/hosts /etc/passwd", "xxd -l 1500 /usr/bin/perl", "od -c -N 800 README.md", "objdump -d --stop-address=0x4000 /usr/bin/env",
    "nm -D /usr/bin/perl", "readelf -h -S /usr/bin/env", "ldd /usr/bin/git", "strings -n 8 /usr/bin/env", "python -m dis bundle/__init__.py", "python -m ast bundle/__init__.py",
    "python -m tokenize bundle/__init__.py", "python -m this", "python -m calendar 2026", "python -m json.tool targets/harry-potter/target.json", "python -m pytest -q --collect-only tests/bundle",
    "python -c import\tthis,sys;print(sys.modules)", "python -X importtime -c import\tjson", "openssl ciphers -v", "openssl version -a", "locale -a", "getent services", "getent protocols", "tree -L 2 .", "make -n check",
    "gcc -v -E -x c /dev/null", "cmake --help-module-list", "perl -V", "man -P cat tar", "date", "cal 2026", "ip addr", "env -i PATH=/usr/bin LANG=C HOME=/root env",
)  # fmt: skip
_KINDS = {
    "settings": [
        ".cfg",
        ".conf",
        ".desktop",
        ".ini",
        ".properties",
        ".service",
        ".toml",
        ".yaml",
        ".yml",
        ".lock",
    ],
    "markup": [".html", ".htm", ".svg", ".tex", ".xml", ".css", ".scss"],
    "data": [".csv", ".tsv", ".json", ".jsonl", ".geojson", ".map", ".sql", ".po"],
    "scripts and code": [
        ".cmake",
        ".el",
        ".f90",
        ".go",
        ".java",
        ".lua",
        ".php",
        ".pl",
        ".pm",
        ".proto",
        ".rb",
        ".rs",
        ".sh",
        ".vim",
        ".diff",
        ".patch",
    ],
}
_SECONDS, _OF_A_COMMAND = 20, 12


def outputs(length: int) -> Iterator[tuple[str, str]]:
    """What each command prints, cut into stretches of that length, with its name; some stretches of each."""
    for command in _COMMANDS:
        words = [word.replace("\t", " ") for word in command.split(" ")]
        program = sys.executable if words[0] == "python" else shutil.which(words[0])
        if program is None:
            continue
        try:
            done = subprocess.run([program, *words[1:]], capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            continue
        text = (done.stdout or done.stderr).decode(errors="replace").strip()
        stretches = [text[at : at + length] for at in range(0, len(text), length)]
        for stretch in stretches[:: max(len(stretches) // _OF_A_COMMAND, 1)][:_OF_A_COMMAND]:
            yield "output of commands", f"$ {command}\n{stretch}"


def files(length: int) -> Iterator[tuple[str, str]]:
    """Stretches of files of settings, markup, data and code, of packages that training is not left, with their kind."""
    kinds = {ending: kind for kind, endings in _KINDS.items() for ending in endings}
    for ending, _, text in machine_files("test", seed=length, characters=length):
        yield kinds[ending], text
