# The operators' dashboard: it reads the live feed from Redis and asks the service for everything else. It holds no database password.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements-uv.lock docker/dashboard.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-uv.lock \
 && uv venv /opt/smart-sentry \
 && uv pip sync --no-cache --require-hashes --compile-bytecode --python /opt/smart-sentry/bin/python dashboard.lock
COPY pyproject.toml README.md ./
COPY src src
RUN uv pip install --no-cache --no-deps --python /opt/smart-sentry/bin/python .

FROM python:3.11-slim-bookworm
RUN useradd --uid 1000 --create-home sentry && install -d -o sentry -g sentry /project
COPY --from=build /opt/smart-sentry /opt/smart-sentry
COPY --chown=sentry configs /project/configs
COPY --chown=sentry dashboard /project/dashboard
ENV PATH=/opt/smart-sentry/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SMART_SENTRY_HOME=/project \
    SMART_SENTRY_HOST=0.0.0.0
USER sentry
WORKDIR /project
EXPOSE 8501
CMD ["smart-sentry", "dashboard"]
