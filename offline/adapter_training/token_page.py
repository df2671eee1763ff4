"""A page that shows on the texts themselves which tokens count as high and which as low in entropy."""

from collections.abc import Iterable
from html import escape
from itertools import islice
from pathlib import Path

from lethe.bundle.files import replace_file
from lethe.offline.adapter_training.entropy import MarkedText
from lethe.offline.adapter_training.train import TrainedBank
from lethe.offline.language_models.encoding import Tokenizer

_TEXTS = 20

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>High and low tokens</title>
<style>
body {{ font: 16px/1.9 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
p {{ white-space: pre-wrap; border-top: 1px solid #ddd; padding-top: .5rem; }}
.high {{ background: #bfe3c6; }} .low {{ background: #f6c6c0; }} .other {{ color: #777; }}
</style>
<h1>High and low tokens</h1>
<p>The threshold is {threshold:.4g}. <span class="low">Low-entropy answer tokens</span> carry what is remembered: of forget texts
they are forgotten. <span class="high">High-entropy tokens</span> carry the structure of language: phase I learns them, and
phase II holds them still. The rest is left alone. Point at a token for its entropy.</p>
{sections}
</html>
"""


def write_token_page(trained: TrainedBank, tokenizer: Tokenizer, destination: Path) -> None:
    """Write the page, with up to 20 texts of every subdomain and of the retain side, replacing it at once."""
    groups = {**trained.forget, "retain": trained.retain}
    sections = "\n".join(
        f"<h2>{escape(name)}</h2>\n{_texts(texts, tokenizer)}" for name, texts in groups.items()
    )
    page = _PAGE.format(threshold=trained.retain[0].threshold, sections=sections)
    replace_file(destination, page)


def _texts(texts: Iterable[MarkedText], tokenizer: Tokenizer) -> str:
    return "\n".join(f"<p>{_tokens(marked, tokenizer)}</p>" for marked in islice(texts, _TEXTS))


def _tokens(marked: MarkedText, tokenizer: Tokenizer) -> str:
    start = marked.text.question[0] if marked.text.question[1] > 1 else 0
    high, low = marked.high, marked.low_answer
    spans = []
    for index in range(start, len(marked.text.token_ids)):
        kind = "high" if high[index] else "low" if low[index] else "other"
        token = escape(tokenizer.decode([marked.text.token_ids[index]]))
        spans.append(f'<span class="{kind}" title="{marked.entropy[index]:.4f}">{token}</span>')
    return "".join(spans)
