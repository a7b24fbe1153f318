# Headwater with what a team's servers and workers need (PostgreSQL, S3, Ray, logins), from the lock, without tools for
# developing. `docker build -t headwater .`, `podman build -t headwater .` and `buildah build -t headwater .` all do.
#
#   --build-arg BASE=docker.io/library/python@sha256:…      a base that never moves; any Python that locks/ has a lock for
#   --build-arg TORCH=cuda                                  for NVIDIA's GPUs
#   --build-arg TORCH_INDEX=https://…                       where torch is to come from an index of your own
ARG BASE=docker.io/library/python:3.11-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS libraries
ARG TORCH=cpu TORCH_INDEX=
# Byte code that says what it was made of, not when.
ENV SOURCE_DATE_EPOCH=1
RUN python -m venv /opt/pip && python -m venv /opt/headwater
COPY locks /locks
# What libraries bring to test themselves, and pip, are not needed any more.
RUN --mount=type=cache,target=/root/.cache/pip \
    TORCH=${TORCH} TORCH_INDEX=${TORCH_INDEX} /locks/install /opt/headwater/bin/python \
    && /opt/headwater/bin/python -m pip uninstall -q -y pip \
    && find /opt/headwater -type d -name tests -prune -exec rm -r {} +

FROM libraries AS package
WORKDIR /source
COPY . .
RUN /opt/pip/bin/pip --python /opt/headwater/bin/python install -q --no-deps --no-build-isolation --prefix /package .

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
COPY deploy/answers /usr/local/bin/answers
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
