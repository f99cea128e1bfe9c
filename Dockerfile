FROM python:3.11-slim AS build

WORKDIR /src
RUN python -m venv /opt/alir
ENV PATH=/opt/alir/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

# An index to take a smaller, CPU-only torch from:
#   docker compose build --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL

# The dependencies are a layer of their own, which a change of the source does not touch.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir -p src/alir && touch src/alir/__init__.py \
    && pip install -c constraints.txt '.[local,otel]'

COPY src src
RUN pip install --no-deps --force-reinstall .


FROM python:3.11-slim

# A new volume at /state is a copy of this folder: without `documents`, which the service writes to,
# Docker would make it for the mount below it, as root's. /data is where the files were once.
RUN useradd --uid 10001 --create-home --home-dir /state alir \
    && install -d -o alir -g alir /state/documents /state/documents/from_host \
    && ln -s /state/documents/from_host /data
COPY --from=build /opt/alir /opt/alir
ENV PATH=/opt/alir/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# The only folder alir writes to: ./.alir, and models that it downloads.
USER alir
WORKDIR /state
VOLUME /state
ENV HOME=/state

# Of `alir serve`; without curl and without a proxy.
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", \
    "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8000/health/live', timeout=4)"]

ENTRYPOINT ["alir"]
CMD ["--help"]
