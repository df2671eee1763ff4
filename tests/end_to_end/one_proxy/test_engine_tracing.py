"""A request's trace goes on in vLLM, which is told of it by the proxy."""

import httpx
import pytest

from tests.end_to_end.running_proxy import FORBIDDEN, RunningProxy
from tests.end_to_end.trace_collector import TraceCollector

pytestmark = pytest.mark.engine


def test_vllm_continues_the_trace_that_the_proxy_began(
    proxy: RunningProxy, collector: TraceCollector
) -> None:
    body = {"messages": [{"role": "user", "content": FORBIDDEN}], "max_tokens": 3, "temperature": 0}
    answer = httpx.post(f"{proxy.url}/v1/chat/completions", json=body, timeout=120)
    answer.raise_for_status()
    spans = {span.name: span for span in collector.trace(answer.headers["x-request-id"], spans=4)}
    (asked,) = [span for name, span in spans.items() if name.split()[0] == "chat"]
    assert spans["llm_request"].parent_span_id == asked.span_id
