"""The `lethe` command, and ``python -m lethe``."""

import sys

# What a shell says of a command that ctrl-C ended.
_INTERRUPTED = 130


def main() -> None:
    """Run the command line; it takes seconds to load, and who interrupts that has seen no fault."""
    try:
        from lethe.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
