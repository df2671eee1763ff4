"""An engine that answers as vLLM does and writes down what it is asked, and the rest of a proxy's surroundings."""

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import numpy as np
from aiohttp import web
from aiohttp.typedefs import Handler
from safetensors.numpy import save
from tokenizers import Tokenizer, models, pre_tokenizers

from lethe.bundle import Action, BaseModel, Made, install_bundle, update_bundle
from lethe.bundle.store import CORRUPTION
from lethe.classifier.conversation import Conversation
from lethe.classifier.errors import ClassifierTimeout
from lethe.classifier.exchange import Exchange
from lethe.classifier.verdict import TargetVerdict, Verdict
from lethe.corruption import Corruption, save_corruption
from lethe.server.access.access import Access
from lethe.server.access.keys import ApiKey, digest_of
from lethe.server.audit.log import Audit, AuditLog
from lethe.server.endpoints import GUARDED
from lethe.server.engines.client import EngineClient
from lethe.server.engines.fleet import Fleet
from lethe.server.guard.guard import Guard

MODEL = "org/model"
ASKED = (*(endpoint.path for endpoint in GUARDED), "/tokenize")
# What asks a pooling engine, by its path.
POOLED: dict[str, dict[str, Any]] = {
    "/v1/embeddings": {"input": "hi"},
    "/pooling": {"input": "hi"},
    "/classify": {"input": "hi"},
    **{key: {"queries": "hi", "documents": "ho"} for key in ("/score", "/v1/score")},
    **{key: {"query": "hi", "documents": ["ho"]} for key in ("/rerank", "/v1/rerank", "/v2/rerank")},
}


@dataclass
class RecordingEngine:
    """vLLM's HTTP surface, as far as the proxy uses it."""

    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    pieces: Sequence[bytes] = (b'data: {"a":1}\n\n', b"data: [DONE]\n\n")
    # Streams, and whole answers, to the next requests, one for each; then comes what stands otherwise. Where an event
    # stands in a stream it is waited for; at None there is no answer.
    next_streams: list[Sequence[bytes | asyncio.Event]] = field(default_factory=list)
    next_answers: list[dict[str, Any] | None] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    holds: bool = False
    breaks_off: bool = False
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    adapters: dict[str, str] = field(default_factory=dict)
    refuses_adapters: str = ""
    served: str = MODEL
    root: str = MODEL
    aborts: bool = False
    stops: bool = False
    is_dead: bool = False
    metrics_page: str = 'lethe_plugin_info{version="1"} 1.0\nvllm:num_requests_running 0.0\n'
    metrics_status: int = 200
    detokenized: web.Response | None = None
    says: Callable[[dict[str, Any]], str] | None = None
    # As an ingress that compresses what it may, or what it may not too.
    compresses: Literal["never", "if asked", "always"] = "never"
    accepted: list[tuple[str, str]] = field(default_factory=list)
    error: web.Response | None = None
    answer: dict[str, Any] | None = None
    health_pages: dict[str, int] = field(default_factory=lambda: {"/health": 200})
    host: str = "127.0.0.1"
    url: str = ""

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append((request.path, body))
        self.headers.append(dict(request.headers))
        if self.aborts:
            assert request.transport is not None
            request.transport.abort()
        if self.error is not None:
            return self.error
        if self.stops:
            return error_answer(500, "cannot schedule new futures after shutdown")
        if (body.get("model") or self.served) not in (self.served, *self.adapters):
            return error_answer(404, f"The model `{body['model']}` does not exist.")
        if not body.get("stream") or request.path == "/tokenize":
            try:
                if self.holds:
                    await self.hold.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            if self.is_dead:
                return error_answer(500, "EngineCore encountered an issue. See stack trace (above).")
            if self.next_answers:
                if answer := self.next_answers.pop(0):
                    return web.json_response(answer)
                assert request.transport is not None
                request.transport.abort()
            if self.answer is not None:
                return web.json_response(self.answer)
            usage = {"prompt_tokens": 3, "completion_tokens": 2}
            said = [self.says(body)] if self.says and "structured_outputs" in body else []
            choices = [{"message": {"role": "assistant", "content": each}} for each in said]
            return web.json_response(
                {"id": "x", "choices": choices, "model": body.get("model"), "usage": usage}
            )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        self.compress(request, response)
        await response.prepare(request)
        try:
            for piece in self.next_streams.pop(0) if self.next_streams else self.pieces:
                if isinstance(piece, asyncio.Event):
                    await piece.wait()
                    continue
                await response.write(piece)
                if self.holds:
                    await self.hold.wait()
            if self.breaks_off:
                assert request.transport is not None
                request.transport.abort()
        except (asyncio.CancelledError, ConnectionError):
            self.cancelled.set()
            raise
        return response

    async def detokenize(self, request: web.Request) -> web.Response:
        if self.detokenized is not None:
            return self.detokenized
        tokens = (await request.json())["tokens"]
        words = {7: "potter", 8: "books"}
        return web.json_response({"prompt": " ".join(words.get(token, "word") for token in tokens)})

    async def models(self, request: web.Request) -> web.Response:
        adapters = {"an-adapter": "/lora"} | self.adapters
        cards = [
            card(self.served, root=self.root, max_model_len=2048),
            *(card(name, root=path, parent=self.served) for name, path in adapters.items()),
        ]
        return web.json_response({"object": "list", "data": cards})

    async def load_adapter(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.refuses_adapters:
            return error_answer(500, self.refuses_adapters)
        if body["lora_name"] in self.adapters:
            return error_answer(400, f"The lora adapter '{body['lora_name']}' has already been loaded.")
        assert (Path(body["lora_path"]) / "adapter_model.safetensors").is_file()
        self.adapters[body["lora_name"]] = body["lora_path"]
        return web.Response(text="Success")

    async def unload_adapter(self, request: web.Request) -> web.Response:
        del self.adapters[(await request.json())["lora_name"]]
        return web.Response(text="Success")

    async def metrics(self, request: web.Request) -> web.Response:
        return web.Response(text=self.metrics_page, status=self.metrics_status)

    async def health(self, request: web.Request) -> web.Response:
        return web.Response(status=self.health_pages.get(request.path, 404))

    def compress(self, request: web.Request, response: web.StreamResponse) -> None:
        asked = request.headers.get("Accept-Encoding", "")
        if self.compresses == "always" or (self.compresses == "if asked" and "gzip" in asked):
            response.enable_compression(web.ContentCoding.gzip)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        @web.middleware
        async def ingress(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.accepted.append((request.path, request.headers.get("Accept-Encoding", "")))
            response = await handler(request)
            if not response.prepared:
                self.compress(request, response)
            return response

        app = web.Application(middlewares=[ingress], handler_args={"handler_cancellation": True})
        app.add_routes(
            [
                *(web.post(path, self.complete) for path in ASKED),
                web.post("/v1/load_lora_adapter", self.load_adapter),
                web.post("/v1/unload_lora_adapter", self.unload_adapter),
                web.post("/detokenize", self.detokenize),
                web.get("/v1/models", self.models),
                web.get("/metrics", self.metrics),
                web.get("/health", self.health),
                web.get("/readiness", self.health),
            ]
        )
        runner = web.AppRunner(app, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, self.host, 0, shutdown_timeout=0.1)
        await site.start()
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"http://{host}:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            self.hold.set()
            await runner.cleanup()


def card(name: str, **fields: Any) -> dict[str, Any]:
    """A model as vLLM describes it."""
    permission = {
        "id": f"modelperm-{name}",
        "object": "model_permission",
        "created": 1,
        "allow_sampling": True,
    }
    described = {"root": None, "parent": None, "max_model_len": None} | fields
    return {
        "id": name,
        "object": "model",
        "created": 1,
        "owned_by": "vllm",
        "permission": [permission],
    } | described


def error_answer(status: int, message: str) -> web.Response:
    """An error as vLLM words it."""
    return web.json_response({"error": {"message": message, "type": "x", "code": status}}, status=status)


class KeywordClassifier:
    """Flags a target whose name stands in the text, the surer the more often, and all where the word potter does."""

    def __init__(self, targets: Sequence[str], judges_answers: Sequence[str] = ()) -> None:
        self.targets = targets
        self.judges_answers = judges_answers
        self.seen: list[Conversation] = []
        self.answers: list[Exchange] = []
        self.holds_answers: asyncio.Event | None = None

    async def classify(
        self,
        conversation: Conversation,
        *,
        spans: bool | None = None,
        whole: bool = False,
        thresholds: Mapping[str, float] | None = None,
    ) -> Verdict:
        self.seen.append(conversation)
        text = " ".join(message.text for message in conversation.messages).lower()
        if "time out" in text:
            raise ClassifierTimeout("the verdict was not ready in time")
        scores = {
            target: 1.0 if "potter" in text else min(0.5 + 0.1 * text.count(target), 0.9) * (target in text)
            for target in self.targets
        }
        parts = tuple(
            TargetVerdict(
                target,
                score,
                (thresholds or {}).get(target, 0.5),
                messages=_saying(conversation, ("potter", target)),
                reach=score,
                excerpts=(text,) if spans else (),
            )
            for target, score in scores.items()
        )
        if conversation.unreadable:
            return Verdict(parts, "unclassifiable", conversation.unreadable)
        return Verdict(parts, "too_long", ("it is very long",)) if "very long" in text else Verdict(parts)

    async def classify_answer(self, exchange: Exchange, *, spans: bool | None = None) -> Verdict:
        """Flags a target whose name stands in the answer; a hint is enough where its prompt asks of the target."""
        self.answers.append(exchange)
        if self.holds_answers is not None:
            await self.holds_answers.wait()
        text = exchange.answer.lower()
        if "time out" in text:
            raise ClassifierTimeout("the verdict was not ready in time")
        parts = tuple(
            TargetVerdict(name, float(name in text or (name in exchange.asked and "hint" in text)), 0.5)
            for name in self.judges_answers
        )
        return Verdict(parts, "too_long", ("it is very long",)) if "very long" in text else Verdict(parts)

    async def close(self) -> None:
        pass


def _saying(conversation: Conversation, words: Sequence[str]) -> tuple[int, ...]:
    return tuple(
        index
        for index, message in enumerate(conversation.messages)
        if any(word in message.text.lower() for word in words)
    )


@dataclass
class Stack:
    """A running proxy, the engine behind it and a client before it."""

    client: httpx.AsyncClient
    port: int
    engine: RecordingEngine
    upstream: EngineClient
    guard: Guard
    access: Access
    audit: Audit
    classifiers: list[KeywordClassifier]
    engines: list[RecordingEngine]
    fleet: Fleet

    @property
    def clients(self) -> list[EngineClient]:
        """The proxy's side of each engine."""
        return [client for served in self.fleet.models for client in served.engines.clients]

    async def audited(self, count: int) -> None:
        """Wait until so many entries are in the audit log."""
        assert isinstance(self.audit, AuditLog)
        async with asyncio.timeout(10):
            while self.audit.written < count:
                await asyncio.sleep(0.01)

    async def metric(self, name: str) -> float:
        # To Prometheus a label that is empty is none.
        page = re.sub(r',?model=""(?=[,}])', "", (await self.client.get("/metrics")).text).replace("{,", "{")
        return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))


_NOISE = Corruption("rand_noise_first_n", 3.0, 4)
BASE: dict[str, Any] = {"id": MODEL, "hidden_size": 8, "embedding_sha256": "0" * 64}


def write_target(
    folder: Path,
    name: str,
    /,
    action: Action = Action.CORRUPT,
    *,
    answers: bool = False,
    base_model: dict[str, Any] | None = BASE,
    **changes: Any,
) -> None:
    """Write a target in the place of the one that may stand there.

    Parameters
    ----------
    answers
        Whether it has a head for answers.
    base_model
        What its corruption is for; without one it has none.
    changes
        Fields of its manifest.
    """
    files: dict[str, Any] = {"classifier/head.json": b"{}"}
    files |= {"answer_classifier/head.json": b"{}"} if answers else {}
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / name
        update_bundle(written, files, action=action, **changes)
        if base_model is not None:
            give_corruption(written, base_model)
        install_bundle(written, folder / name)


def give_corruption(
    bundle: Path,
    base_model: dict[str, Any],
    corruption: Corruption = _NOISE,
) -> None:
    """Give a bundle a corruption for a base model."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / CORRUPTION
        save_corruption(corruption, file)
        update_bundle(bundle, {}, Made(BaseModel(**base_model), {CORRUPTION: file}))


def corruption_file(bundle: Path) -> Path:
    """The one corruption of a bundle."""
    (file,) = bundle.glob(f"models/*/{CORRUPTION}")
    return file


def write_tokenizer(folder: Path, words: Sequence[str] = ()) -> None:
    """Write a tokenizer whose tokens are words, with a chat template, into a model folder.

    Parameters
    ----------
    words
        Those that have ids of their own, in their order; all others share the first one's.
    """
    words = words or ("[unk]",)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=words[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}<{{ m.role }}> {{ m.content }} {% endfor %}<assistant>"
    )


def write_adapter(
    folder: Path,
    name: str,
    /,
    action: Action = Action.ADAPTER,
    seed: int = 0,
    rank: int = 2,
    *,
    answers: bool = False,
    base_model: dict[str, Any] = BASE,
    **changes: Any,
) -> None:
    """Write a target with an adapter, and a corruption too, in the place of the one that may stand there."""
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    values = np.random.default_rng(seed)
    shapes = {f"{module}.lora_A.weight": (rank, 8), f"{module}.lora_B.weight": (8, rank)}
    weights = {key: values.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": ["q_proj"]}
    write_target(folder, name, action, answers=answers, base_model=base_model)
    files: dict[str, Any] = {
        "adapter/adapter_config.json": json.dumps(config).encode(),
        "adapter/adapter_model.safetensors": save(weights),
    }
    update_bundle(folder / name, {}, Made(BaseModel(**base_model), files), **changes)


def api_key(identity: str, **fields: Any) -> ApiKey:
    """A key as it stands in a ring; its secret is its id."""
    return ApiKey(id=identity, sha256=digest_of(identity), created=datetime.fromtimestamp(0, UTC), **fields)


def chat(text: str, **fields: Any) -> dict[str, Any]:
    """The body of a chat request with one user message."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error object of an answer that must be in OpenAI's shape."""
    error = json.loads(response.content)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error
