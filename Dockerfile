# Lethe's images:  docker build --target proxy|engine-cpu|engine-gpu|engine-ray|router|offline .
# What installs is a word of the Makefile, so that an image and a host are installed alike.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG VLLM_VERSION=0.33.0
ARG VLLM_IMAGE=vllm/vllm-openai:v${VLLM_VERSION}
# What the offline jobs compute on: gpu or cpu.
ARG ENGINE=gpu

FROM ${PYTHON_IMAGE} AS python
# The home folder is the cache (models, encoders, compiled graphs); keys and audit log have a folder of their own, and
# so have adapters, whose volume proxy and engine share: a new volume takes its owner from the image.
# What libraries would tell their makers is off: docs/security.md.
ENV HOME=/var/cache/lethe \
    LETHE_CACHE_DIR=/var/cache/lethe \
    PATH=/opt/lethe/bin:$PATH \
    DO_NOT_TRACK=1 \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 lethe \
    && useradd --uid 10001 --gid lethe --home-dir /var/cache/lethe --no-create-home --shell /usr/sbin/nologin lethe \
    && install --directory --owner lethe --group lethe /var/cache/lethe /var/lib/lethe /var/lib/lethe-adapters
COPY --chmod=755 deploy/image/with-engine-key deploy/image/serve-engine /usr/local/bin/

FROM python AS builder
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
ENV HOME=/root \
    PIP_CACHE_DIR=/var/cache/pip
WORKDIR /src
COPY Makefile ./
COPY requirements requirements

FROM builder AS proxy-build
# Not empty for a proxy that reads pictures and documents.
ARG WITH_MEDIA=
RUN --mount=type=cache,target=/var/cache/pip make requirements-proxy VENV=/opt/lethe MEDIA=${WITH_MEDIA}
COPY . .
RUN --mount=type=cache,target=/var/cache/pip make install-proxy VENV=/opt/lethe EDITABLE=

FROM builder AS cpu-build
# Where PyTorch's CPU builds are found, if not on the index that pip asks by itself.
ARG PIP_EXTRA_INDEX_URL=
RUN --mount=type=cache,target=/var/cache/pip make requirements-cpu VENV=/opt/lethe
COPY . .
RUN --mount=type=cache,target=/var/cache/pip make install VENV=/opt/lethe ENGINE=cpu EDITABLE=

FROM builder AS gpu-build
RUN --mount=type=cache,target=/var/cache/pip make requirements-gpu VENV=/opt/lethe
COPY . .
RUN --mount=type=cache,target=/var/cache/pip make install VENV=/opt/lethe ENGINE=gpu EDITABLE=

FROM ${ENGINE}-build AS offline-build

FROM builder AS router-build
RUN --mount=type=cache,target=/var/cache/pip make requirements-router VENV=/opt/lethe

FROM python AS proxy
COPY --from=proxy-build /opt/lethe /opt/lethe
ENV LETHE_HOST=0.0.0.0
USER 10001:10001
VOLUME /var/cache/lethe
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=1s \
    CMD ["python", "-c", "from http.client import HTTPConnection as Plain, HTTPSConnection as Encrypted; from os import environ as e; from ssl import _create_unverified_context as any_certificate; at = ('127.0.0.1', int(e.get('LETHE_PORT', 8000))); c = Encrypted(*at, timeout=2, context=any_certificate()) if 'LETHE_TLS__CERT' in e else Plain(*at, timeout=2); c.request('GET', '/health'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["with-engine-key", "lethe"]
CMD ["serve"]

FROM python AS engine-cpu
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libnuma1 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=cpu-build /opt/lethe /opt/lethe
# For an answer with log-probabilities vLLM has PyTorch compile a function even with --enforce-eager, and here is no compiler.
ENV TORCHDYNAMO_DISABLE=1
USER 10001:10001
VOLUME /var/cache/lethe
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30m --start-interval=5s \
    CMD ["python", "-c", "from http.client import HTTPConnection; c = HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/health'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["serve-engine"]
CMD ["--model", "HuggingFaceTB/SmolLM2-135M-Instruct", "--enforce-eager"]

FROM ${VLLM_IMAGE} AS engine-gpu
# What PyTorch compiles is loaded as programs are, which a /tmp in memory does not allow.
ENV HOME=/var/cache/lethe \
    TORCHINDUCTOR_CACHE_DIR=/var/cache/lethe/torchinductor \
    PIP_BREAK_SYSTEM_PACKAGES=1 \
    DO_NOT_TRACK=1 \
    ORT_DISABLE_TELEMETRY=1
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 lethe \
    && useradd --uid 10001 --gid lethe --home-dir /var/cache/lethe --no-create-home --shell /usr/sbin/nologin lethe \
    && install --directory --owner lethe --group lethe /var/cache/lethe /var/lib/lethe-adapters
COPY --chmod=755 deploy/image/with-engine-key deploy/image/serve-engine /usr/local/bin/
WORKDIR /src
COPY . .
RUN make install-plugin PYTHON=python3
WORKDIR /var/cache/lethe
# An engine whose vLLM the plugin does not know would refuse to start; so does the image.
RUN ["python3", "-c", "from lethe.corruption.vllm_plugin.compatibility import require_known_vllm; require_known_vllm()"]
USER 10001:10001
VOLUME /var/cache/lethe
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30m --start-interval=5s \
    CMD ["python3", "-c", "from http.client import HTTPConnection; c = HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/health'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["serve-engine"]
CMD ["--model", "HuggingFaceTB/SmolLM2-135M-Instruct"]

FROM engine-gpu AS engine-ray
USER 0:0
WORKDIR /src
RUN make install-ray PYTHON=python3
WORKDIR /var/cache/lethe
USER 10001:10001

FROM python AS router
COPY --from=router-build /opt/lethe /opt/lethe
USER 10001:10001
EXPOSE 8000 29000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30m --start-interval=5s \
    CMD ["python", "-c", "from http.client import HTTPConnection; c = HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/health'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["vllm-router", "--host", "0.0.0.0", "--port", "8000", "--prometheus-host", "0.0.0.0", "--prometheus-port", "29000"]

FROM python AS offline
# Triton compiles a launcher in C for each kernel.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev libnuma1 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=offline-build /opt/lethe /opt/lethe
USER 10001:10001
VOLUME /var/cache/lethe
WORKDIR /var/lib/lethe
ENTRYPOINT ["with-engine-key", "lethe"]
CMD ["--help"]
