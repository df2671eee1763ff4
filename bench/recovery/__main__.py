"""Recovery measured on chains that are trained here: ``python -m bench.recovery tofu --seed 0 --seed 1 --seed 2``.

Each seed of a chain leaves a record; the chain's section of docs/benchmarks-recovery.md is written from the records of
all its seeds, those of other machines among them.
"""

import argparse
from pathlib import Path

import torch

from bench.recovery import domains, forgetting, reinforcement, tofu
from bench.recovery.chain_bench import measure
from bench.recovery.page import write_chain_section
from bench.reproduction.command import timed_lines
from lethe.models.cache import cache_folder

BENCHES = {
    "tofu": tofu.BENCH,
    "short-tofu": tofu.SHORT_BENCH,
    "domains": domains.BENCH,
    "forgetting": forgetting.BENCH,
    "reinforcement": reinforcement.BENCH,
    "short-reinforcement": reinforcement.SHORT_BENCH,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.recovery", description=__doc__)
    parser.add_argument("chain", choices=BENCHES)
    parser.add_argument(
        "--seed", type=int, action="append", default=[], help="measure this seed; again for more"
    )
    work = cache_folder() / "recovery"
    parser.add_argument("--work", type=Path, default=work, help="folder of models and results")
    parser.add_argument("--records", type=Path, default=work / "records", help="folder of the records")
    parser.add_argument(
        "--page", action="store_true", help="write the section from the records that are there"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("high")
    say = timed_lines()
    for seed in given.seed:
        folder = given.work / f"{given.chain}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        measure(BENCHES[given.chain], seed, folder, given.records / f"{given.chain}-{seed}.json", say)
    if given.page:
        write_chain_section(given.chain, BENCHES[given.chain], given.records)


if __name__ == "__main__":
    main()
