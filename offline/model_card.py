"""The model card of a bundle, with its figures and pictures, as Markdown and as one HTML file.

Says what the manifest holds and nothing else: every number on the card was put there by the job that measured it.
"""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt

from lethe.bundle import Bundle, load_bundle, update_bundle
from lethe.corruption.artifact import load_corruption

CARD, PAGE = "README.md", "report.html"

_TEMPLATE = """\
---
tags:
- machine-unlearning
- lethe
{% if models | length == 1 %}base_model: {{ models[0].id | tojson }}
{% elif models %}base_model:
{% for model in models %}- {{ model.id | tojson }}
{% endfor %}
{% endif %}---

# {{ name }}

{{ description or "A target of Lethe: something that a served language model is to behave as if it had never learned." }}

| | |
|---|---|
| action on a flagged prompt | {{ action }} |
| flagged above | probability {{ "%.3g" | format(threshold) }} |
{% for model in models %}| base model | {{ model.id }}, {{ model.hidden_size }} dimensions, embeddings `{{ model.embedding_sha256[:12] }}` |
{% else %}| base model | none yet |
{% endfor %}
| sentence encoder | {% if encoder %}{{ encoder.id }}, `{{ encoder.sha256[:12] }}`{% else %}none{% endif %} |

{% for model, corruption in corruptions %}
## Corruption{{ of(model) }}

`{{ corruption.function }}` on {{ corruption.dims }} dimensions of the tokens that `{{ corruption.positions }}` selects, strength \
{{ "%.4g" | format(corruption.strength) }}, seed {{ corruption.seed }}.

{% endfor %}
{% for table in tables %}
## {{ table.title }}

| {{ table.columns | join(" | ") }} |
|{{ "---|" * (table.columns | length) }}
{% for row in table.rows %}| {{ row | join(" | ") }} |
{% endfor %}

{% endfor %}
{% for picture in pictures %}
![{{ picture }}]({{ picture }})

{% endfor %}
## Use

Put this folder among the bundles that `lethe serve --targets` names. Its files' hashes are checked when it is loaded.
"""

_PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
table {{ border-collapse: collapse; }} td, th {{ padding: .25rem .75rem; border-bottom: 1px solid #ddd; text-align: left; }}
img {{ max-width: 100%; }} code {{ background: #f4f4f4; padding: .1rem .3rem; }}
</style>
{body}
</html>
"""


def write_card(folder: Path) -> Bundle:
    """Write ``README.md`` and ``report.html`` into a bundle.

    Raises
    ------
    BundleError, CorruptionError
        The bundle or its corruption cannot be read.
    """
    bundle = load_bundle(folder)
    card = render_card(bundle)
    return update_bundle(folder, {CARD: card.encode(), PAGE: render_page(bundle, card).encode()})


def render_card(bundle: Bundle) -> str:
    """The model card in Hugging Face style, as Markdown."""
    manifest = bundle.manifest
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    several = len(manifest.models) > 1
    of = lambda model: f" for {model.id}" if several else ""  # noqa: E731
    tables = [_table(title, figures) for title, figures in manifest.metrics.items()]
    tables += [
        _table(title + of(model), figures)
        for model in manifest.models
        for title, figures in model.metrics.items()
    ]
    text = environment.from_string(_TEMPLATE).render(
        name=manifest.name,
        description=manifest.description,
        action=manifest.action.value,
        threshold=manifest.threshold,
        models=manifest.models,
        of=of,
        encoder=manifest.encoder,
        corruptions=[
            (each.base_model, load_corruption(each.corruption)) for each in bundle.models if each.corruption
        ],
        tables=tables,
        pictures=sorted(name for name in manifest.files if name.endswith(".png")),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def render_page(bundle: Bundle, card: str) -> str:
    """The card as one HTML file, its pictures inside it."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    body = markdown.render(re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.DOTALL))

    def embedded(match: re.Match[str]) -> str:
        content = base64.b64encode((bundle.folder / match.group(1)).read_bytes()).decode("ascii")
        return f'src="data:image/png;base64,{content}"'

    return _PAGE.format(title=bundle.name, body=re.sub(r'src="([^":]+\.png)"', embedded, body))


def _table(title: str, figures: Any) -> dict[str, Any]:
    """A table of figures, nested ones by their path."""
    rows = list(_flattened(figures))
    return {
        "title": f"Measured: {title.replace('_', ' ')}",
        "columns": ("figure", "value"),
        "rows": [(_cell(name), _cell(value)) for name, value in rows],
    }


def _flattened(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [
            row
            for key, inner in value.items()
            for row in _flattened(inner, f"{path}, {key}" if path else str(key))
        ]
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return [(f"{path} {n}", _summary(item)) for n, item in enumerate(value, start=1)]
    return [(path or "value", value)]


def _summary(item: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_number(value)}" for key, value in item.items())


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cell(value: Any) -> str:
    """Text that cannot leave its table cell or become markup of its own."""
    text = " ".join(_number(value).replace("_", " ").split())
    return re.sub(r"([\\|`*\[\]<>])", r"\\\1", text)
