"""Benchmark files of our own making, for tests of what reads them."""

import json
from pathlib import Path


def write_benchmark_files(folder: Path) -> Path:
    """Write files of every benchmark, in their own layout, and give their folder."""
    for name in ("forget01", "retain", "real_authors", "world_facts"):
        rows = [
            {
                "question": f"Who keeps marsh {n} of {name}?",
                "answer": f"Orla of {name}",
                "paraphrased_answer": f"It is Orla of {name}",
                "perturbed_answer": ["Teodor Vance", "Nadia"],
            }
            for n in range(2)
        ]
        _write(folder / "tofu" / f"{name}_perturbed.json", "\n".join(json.dumps(row) for row in rows))
    muse = folder / "muse" / "hp"
    passage = "The keeper rowed out over the black water and rang the bell until the fog had gone away again"
    _write(
        muse / "verbmem" / "forget.json",
        json.dumps([{"prompt": "The keeper rowed", "gt": " out over the water"}] * 2),
    )
    for part in ("forget", "retain2"):
        for kind in ("qa", "qa_icl"):
            _write(
                muse / "knowmem" / f"{part}_{kind}.json",
                json.dumps([{"question": "Who rang?", "answer": "Orla"}]),
            )
    for part in ("forget", "holdout"):
        _write(muse / "privleak" / f"{part}.json", json.dumps([f"{passage} {part} {n}" for n in range(2)]))
    for subject in ("bio", "chem", "cyber"):
        _write(
            folder / "wmdp_synthetic" / f"{subject}.csv",
            "question,answer,choices\nWhich?,1,\"['a', 'b', 'c', 'd']\"\n",
        )
    _write(folder / "mmlu" / "test" / "anatomy_test.csv", "Which bone?,shin,hip,rib,jaw,C\n")
    for name in ("mt_bench_question", "vicuna_bench_question"):
        _write(folder / "general" / f"{name}.jsonl", json.dumps({"turns": [f"Tell me of {name}."]}))
    _write(folder / "general" / "alpaca_seed_tasks.jsonl", json.dumps({"instruction": "Count to three."}))
    return folder


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
