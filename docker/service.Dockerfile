# The prediction and plant service over HTTP.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements-uv.lock docker/service.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-uv.lock \
 && uv venv /opt/smart-sentry \
 && uv pip sync --no-cache --require-hashes --compile-bytecode --python /opt/smart-sentry/bin/python service.lock
COPY pyproject.toml README.md ./
COPY src src
RUN uv pip install --no-cache --no-deps --python /opt/smart-sentry/bin/python .

FROM python:3.11-slim-bookworm
RUN useradd --uid 1000 --create-home sentry && install -d -o sentry -g sentry /project /project/data
COPY --from=build /opt/smart-sentry /opt/smart-sentry
COPY --chown=sentry serving /app/serving
COPY --chown=sentry configs /project/configs
ENV PATH=/opt/smart-sentry/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/home/sentry/numba \
    BENTOML_HOME=/home/sentry/bentoml \
    BENTOML_DO_NOT_TRACK=True \
    SMART_SENTRY_HOME=/project \
    SMART_SENTRY_HOST=0.0.0.0
USER sentry
WORKDIR /project
EXPOSE 3000
CMD ["python", "-m", "bentoml", "serve", "serving.service:PredictionService", "--working-dir", "/app", "--host", "0.0.0.0", "--port", "3000"]
