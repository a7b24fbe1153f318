# Headwater with what a team's servers and workers need (PostgreSQL, S3, Ray, logins), from the lock, without tools for
# developing. `docker build -t headwater .`, `podman build -t headwater .` and `buildah build -t headwater .` all do.
#
#   --build-arg BASE=docker.io/library/python@sha256:…                        a base that never moves
#   --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130            for NVIDIA's GPUs
ARG BASE=docker.io/library/python:3.11-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS libraries
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Byte code that says what it was made of, not when.
ENV SOURCE_DATE_EPOCH=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv pip && python -m venv --without-pip /opt/headwater
COPY pyproject.toml requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = project['optional-dependencies']; \
print(*project['dependencies'], *(item for name in ('auth', 'postgres', 'ray', 's3') for item in extras[name]), sep='\n')" > wanted.txt \
    && grep -v '^torch==' requirements.lock > constraints.txt \
    && pip/bin/pip --python /opt/headwater/bin/python install "$(grep '^torch==' requirements.lock | cut -d+ -f1)" \
       --index-url "${TORCH_INDEX}" --no-deps \
    && pip/bin/pip --python /opt/headwater/bin/python install -c constraints.txt -r wanted.txt

FROM libraries AS package
RUN --mount=type=cache,target=/root/.cache/pip pip/bin/pip install 'setuptools>=77'
COPY . .
RUN pip/bin/pip --python /opt/headwater/bin/python install --no-deps --no-build-isolation --prefix /package .

# hadolint ignore=DL3006
FROM ${BASE}
ARG VERSION=0.1.0 REVISION=unknown
LABEL org.opencontainers.image.title="Headwater" \
      org.opencontainers.image.description="Transfer learning for language, from a corpus to what the transfer bought" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# tini hands signals on and buries processes whose parents have died; the fixed uid is what volumes belong to.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/* \
    && echo 'headwater:x:10001:0:Headwater:/state:/usr/sbin/nologin' >> /etc/passwd \
    && install -d -o 10001 -g 0 -m 0775 /state
COPY --from=libraries /opt/headwater /opt/headwater
COPY --from=package /package /opt/headwater
COPY deploy/entrypoint /usr/local/bin/headwater-entrypoint
WORKDIR /app
COPY prefect.yaml ./
COPY recipes recipes
ENV PATH=/opt/headwater/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/state HEADWATER_HOME=/state/headwater \
    DO_NOT_TRACK=true PREFECT_SERVER_ANALYTICS_ENABLED=false MLFLOW_DISABLE_TELEMETRY=true
USER 10001:0
VOLUME /state
# What it serves, and so how to ask whether it is well, depends on the command: compose.yaml asks each service.
ENTRYPOINT ["tini", "-g", "--", "headwater-entrypoint"]
CMD ["--help"]
