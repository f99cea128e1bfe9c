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
    && pip install -c constraints.txt '.[local]'

COPY src src
RUN pip install --no-deps --force-reinstall .


FROM python:3.11-slim

RUN useradd --uid 10001 --create-home --home-dir /state alir
COPY --from=build /opt/alir /opt/alir
ENV PATH=/opt/alir/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# The one folder alir writes to: ./.alir, and the models it fetches when told to use another.
USER alir
WORKDIR /state
VOLUME /state
ENV HOME=/state

ENTRYPOINT ["alir"]
CMD ["--help"]
