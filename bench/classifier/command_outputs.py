"""What commands print on this machine, as an agent sends it on, and files of kinds that the traffic page has not.

Knows nothing about readers.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.classifier.halves import held_out
from lethe.offline.data.machine_files import machine_files, package_folders
from lethe.offline.data.ordinary_text import documents, machine_folders
from lethe.offline.text_models.made_texts.minified import is_minified

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
    "lsblk", "lsblk -a -o +UUID,FSTYPE", "ss -tulpan", "top -b -n 1", "vmstat 1 2", "cat /proc/cpuinfo", "cat /proc/meminfo", "cat /proc/interrupts",
    "cat /proc/net/tcp", "cat /proc/self/maps", "cat /proc/self/smaps", "cat /proc/mounts", "cat /proc/net/dev", "cat /proc/vmstat",
    "cat /proc/zoneinfo", "cat /proc/slabinfo", "cat /proc/diskstats", "cat /proc/kallsyms", "cat /etc/passwd", "cat /etc/services", "cat /etc/group",
    "cat /etc/mime.types", "cat /etc/fstab", "ls -laR /usr/lib/git-core", "ls -i /usr/share/zoneinfo", "ls -laZ /etc", "hexdump -C -n 4000 /usr/bin/env",
    "hexdump -n 4000 /usr/bin/git", "xxd -p -l 3000 /usr/bin/git", "xxd -b -l 1000 /usr/bin/git", "od -x -N 4000 /usr/bin/env",
    "od -A x -t x1z -N 3000 /usr/bin/perl", "base64 /usr/share/zoneinfo/Europe/Berlin", "base64 -w 0 /usr/share/zoneinfo/Asia/Tokyo",
    "base32 /usr/share/zoneinfo/Asia/Tokyo", "sha256sum /usr/bin/env /usr/bin/git /usr/bin/perl /usr/bin/find /usr/bin/awk",
    "cksum /usr/bin/env /usr/bin/git /usr/bin/perl", "openssl x509 -in /etc/ssl/certs/ISRG_Root_X1.pem -text",
    "openssl x509 -in /etc/ssl/certs/GlobalSign_Root_CA.pem -text", "openssl list -cipher-algorithms", "ldconfig -p", "fc-list", "dpkg -L bash",
    "dpkg -L git", "dpkg -S /usr/bin/git", "apt-cache policy git", "apt-cache showpkg bash", "pip show -f numpy", "npm ls -g --all",
    "readelf -s /usr/bin/env", "readelf -d /usr/bin/git", "objdump -t /lib/x86_64-linux-gnu/libc.so.6", "objdump -T /lib/x86_64-linux-gnu/libm.so.6",
    "objdump -s -j .rodata /usr/bin/env", "nm -D --defined-only /lib/x86_64-linux-gnu/libc.so.6", "size -A /usr/bin/git", "zdump -v Europe/Berlin",
    "zdump -v America/New_York", "seq 1 300", "seq -w 1 500", "seq -s, 1 2 999", "factor 10 100 1000 10000 123456 987654321", "cal -y 2027",
    "getconf -a", "ulimit -a", "prlimit", "infocmp xterm", "infocmp -C linux", "stty -a", "tput -V", "locale", "localectl", "timedatectl", "lsof -p 1",
    "lsmod", "sysctl -a", "ipcs -a", "uptime", "w", "who", "last", "free -h -w", "df -i", "du -h --max-depth=2 /usr/share",
    "find /etc -printf %m\t%u\t%s\t%TY-%Tm-%Td\t%p\n", "find /usr/bin -size +1M -ls", "stat -f /", "stat /usr/bin/env /usr/bin/git", "ip route",
    "ip -s link", "ifconfig -a", "netstat -rn", "arp -a", "route -n", "cat /proc/net/route", "cat /proc/self/status", "cat /proc/self/stat",
    "cat /proc/softirqs", "cat /proc/schedstat", "cat /proc/pagetypeinfo", "cat /proc/buddyinfo", "numfmt --to=iec 1024 2048 999999",
    "git --no-pager log --graph --oneline -n 200", "git log --format=%H%x09%an%x09%ae%x09%ad -n 100", "git log --raw -n 60", "git log --numstat -n 80",
    "git diff HEAD~30 --stat", "git diff HEAD~12 -- server", "git cat-file -p HEAD^{tree}", "git rev-list HEAD -n 200", "git show-ref",
    "git count-objects -v", "git ls-files -s server", "git for-each-ref", "git reflog -n 50", "git branch -a", "git status --porcelain=v2 --branch",
    "python -m sysconfig", "python -m site", "python -m timeit -h", "python -m pydoc re", "python -m pydoc struct",
    "python -c import\tstring;print(string.printable)", "python -c import\tnumpy,sys;print(numpy.random.default_rng(1).normal(size=(30,6)))",
    "python -c import\tnumpy;print(numpy.arange(400).reshape(20,20))", "python -c import\tos;print(os.urandom(400))",
    "python -c import\tuuid;[print(uuid.uuid4())for\ti\tin\trange(40)]", "python -c import\tmath;print([math.sin(i/7)for\ti\tin\trange(150)])",
    "python -c help(\"modules\")", "python -c import\tsys;print(sys.builtin_module_names)", "python -c print({i:chr(i)for\ti\tin\trange(32,400)})",
    "python -c import\tstring;print(bytes(range(256)))", "perl -e print\tjoin(\",\",map{int(rand(1000))}1..300)", "perl -V:.*",
    "gcc -dM -E -x c /dev/null", "gcc --help=optimizers", "gcc -dumpspecs", "cmake --system-information", "openssl speed -h", "node -p process.versions",
    "node -p process.memoryUsage()", "node --v8-options", "npm config list -l", "node -p Object.getOwnPropertyNames(globalThis)",
)  # fmt: skip
_KINDS = {
    "settings": ".cfg .conf .desktop .ini .properties .service .toml .yaml .yml .lock",
    "markup": ".html .htm .svg .tex .xml .css .scss",
    "tables": ".csv .tsv",
    "source maps": ".map",
    "data": ".json .jsonl .geojson .sql .po",
    "scripts and code": ".cmake .el .f90 .go .java .lua .php .pl .pm .proto .rb .rs .sh .vim .diff .patch",
}
_SECONDS, _OF_A_COMMAND = 20, 12


def outputs(length: int) -> Iterator[tuple[str, str]]:
    """What each command that only measures prints, cut into stretches of that length, with its name; some stretches of each."""
    for command in filter(held_out, _COMMANDS):
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


def files(length: int, folders: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Stretches of files of many kinds, of packages that training is not left and that only measure, with their kind.

    Parameters
    ----------
    folders
        Folders of packages beside this machine's.
    """
    kinds = {ending: kind for kind, endings in _KINDS.items() for ending in endings.split()}
    of_files = (*package_folders(), *folders)
    for ending, package, text in machine_files("test", seed=length, characters=length, folders=of_files):
        if ending in kinds and held_out(package):
            yield kinds[ending], text
    scripts = documents(
        (*machine_folders(), *folders),
        seed=length,
        part="test",
        kinds=("javascript",),
        maximum_characters=length,
    )
    for each in scripts:
        if held_out(each.origin):
            yield "minified code" if is_minified(each.text) else "javascript", each.text
