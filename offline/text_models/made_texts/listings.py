"""Lists of files, changes and packages, and what commands print in columns. Made at random; knows nothing about classifiers."""

import base64
import random

from lethe.offline.text_models.made_texts.names import Material, key, time, version


def listing(noise: random.Random, material: Material) -> str:
    """Files of a folder, with what is told of each or without."""
    count, kind = noise.randrange(2, 40), noise.randrange(7)
    names = [material.file(noise) if noise.random() < 0.8 else material.name(noise) for _ in range(count)]
    if kind == 0:
        rights = ("-rw-r--r--", "drwxr-xr-x", "-rwxr-xr-x", "lrwxrwxrwx")
        who = noise.choice(("root root", "user staff", "1000 1000", f"{noise.choice(material.words)} users"))
        rows = [
            f"{noise.choice(rights)} {noise.randrange(1, 30):2d} {who} {noise.randrange(10**6):8d} Nov {noise.randrange(1, 31):2d} {noise.randrange(24):02d}:{noise.randrange(60):02d} {name}"
            for name in names
        ]
        return "\n".join([f"total {noise.randrange(2000)}", *rows])
    if kind == 1:
        return "\n".join(
            f"{'│   ' * noise.randrange(3)}{noise.choice(('├── ', '└── '))}{name}" for name in names
        )
    if kind == 2:
        return "\n".join(material.path(noise) for _ in names)
    if kind == 3:
        return "\n".join(
            f"{noise.choice((' M', '??', 'A ', 'D ', 'R ', 'MM', 'UU'))} {material.path(noise)}"
            for _ in names
        )
    if kind == 4:
        return "\n".join(
            f"{'  ' * noise.randrange(4)}{noise.choice(('- ', '', '+ '))}{name}{noise.choice(('', '/'))}"
            for name in names
        )
    if kind == 5:
        return "\n".join(
            f"{noise.randrange(1, 4000)}{noise.choice(('K', 'M', ''))}\t{material.path(noise)}" for _ in names
        )
    return noise.choice(("  ", "\t", " ")).join(names)


def versioned(noise: random.Random, material: Material) -> str:
    """What version control says."""
    kind = noise.randrange(4)
    if kind == 0:
        return "\n".join(
            f"{key(noise)[:7]} {material.sentence(noise, 70)}" for _ in range(noise.randrange(2, 30))
        )
    if kind == 1:
        made = [
            f"On branch {material.name(noise)}",
            f"Your branch is {noise.choice(('up to date with', 'ahead of', 'behind'))} 'origin/main'.",
            "",
        ]
        made += [
            "Changes not staged for commit:",
            '  (use "git add <file>..." to update what will be committed)',
        ]
        made += [
            f"\t{noise.choice(('modified:   ', 'new file:   ', 'deleted:    ', ''))}{material.path(noise)}"
            for _ in range(noise.randrange(1, 12))
        ]
        return "\n".join(made)
    if kind == 2:
        path = material.path(noise)
        made = [
            f"diff --git a/{path} b/{path}",
            f"index {key(noise)[:7]}..{key(noise)[:7]} 100644",
            f"--- a/{path}",
            f"+++ b/{path}",
        ]
        for _ in range(noise.randrange(1, 4)):
            start = noise.randrange(1, 900)
            made.append(
                f"@@ -{start},{noise.randrange(9)} +{start},{noise.randrange(9)} @@ {material.lines(noise, 1)[0][:60]}"
            )
            made += [
                noise.choice((" ", " ", "+", "-")) + line
                for line in material.lines(noise, noise.randrange(3, 14))
            ]
        return "\n".join(made)
    return "\n".join(
        f"commit {noise.randbytes(20).hex()}\nAuthor: {noise.choice(material.words).capitalize()} <{noise.choice(material.words)}@{noise.choice(material.words)}.org>\nDate:   {time(noise)}\n\n    {material.sentence(noise)}\n"
        for _ in range(noise.randrange(1, 7))
    )


def columns(noise: random.Random, material: Material) -> str:
    """What commands print in columns: processes, disks, containers, packages, connections."""
    widths = [noise.randrange(4, 26) for _ in range(noise.randrange(2, 9))]
    makers = [
        noise.choice(
            (
                lambda: str(noise.randrange(10**5)),
                lambda: f"{noise.uniform(0, 100):.1f}",
                lambda: noise.choice(material.words),
                lambda: time(noise),
                lambda: material.path(noise),
                lambda: key(noise)[:12],
                lambda: version(noise),
                lambda: f"{noise.randrange(900)}{noise.choice('KMGi%')}",
                lambda: noise.choice(("Ssl", "running", "Up 3 days", "tcp", "LISTEN", "-", "<none>")),
            )
        )
        for _ in widths
    ]
    head = "".join(noise.choice(material.words).upper().ljust(width) for width in widths)
    rows = [
        "".join(f"{maker():<{width}} " for maker, width in zip(makers, widths, strict=True))
        for _ in range(noise.randrange(2, 30))
    ]
    return "\n".join([head, *rows])


def locked(noise: random.Random, material: Material) -> str:
    """Packages with their releases and digests."""
    rows: list[str] = []
    kind = noise.randrange(5)
    for _ in range(noise.randrange(2, 16)):
        name, digest = material.name(noise).lower(), noise.randbytes(64)
        if kind == 0:
            rows.append(
                f'    "node_modules/{name}": {{\n      "version": "{version(noise)}",\n      "resolved": "https://registry.npmjs.org/{name}/-/{name}-{version(noise)}.tgz",\n      "integrity": "sha512-{base64.b64encode(digest).decode()}",\n      "engines": {{ "node": ">={noise.randrange(4, 22)}" }}\n    }},'
            )
        elif kind == 1:
            rows.append(
                f"{name}=={version(noise)} \\\n    --hash=sha256:{digest[:32].hex()} \\\n    --hash=sha256:{digest[32:].hex()}"
            )
        elif kind == 2:
            rows.append(
                f'[[package]]\nname = "{name}"\nversion = "{version(noise)}"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "{digest[:32].hex()}"\n'
            )
        elif kind == 3:
            rows.append(f"{name} v{version(noise)} h1:{base64.b64encode(digest[:32]).decode()}")
        else:
            rows.append(
                f"ii  {name:<24} {version(noise):<20} {noise.choice(('amd64', 'all', 'arm64'))}        {material.sentence(noise, 50)}"
            )
    return "\n".join(rows)
