"""``python -m lethe``: the `lethe` command."""

from lethe.cli.main import main

if __name__ == "__main__":
    main()
