# The kfx base image: `full` (the default: everything, TFDV on Beam included), `slim` (no TensorFlow), and `dataflow`
# (full with Beam's starter, so that Dataflow workers run in it and install nothing).
#
#   kfx build                       docker build -t kfx .
#   kfx build --target slim         docker build -t kfx:slim --target slim .
#   kfx build --target dataflow     docker build -t kfx:dataflow --target dataflow .
#
# BASE needs Python 3.12 or 3.13 and glibc >= 2.39 (TFDV's wheels). Every package is locked with hashes; what a locked
# package is made of never changes, and file times are SOURCE_DATE_EPOCH, so the same inputs give the same contents.
#
# A package index behind credentials, or one with a certificate of your own, comes in as build secrets and stays out of
# the image:  --secret id=pip_conf,src=pip.conf  --secret id=ca,src=ca.pem   (or --build-arg PIP_INDEX_URL=...)

ARG BASE=python:3.12-slim-trixie
# Beam's own worker image, of the Beam version in requirements.txt: only its starter, a static program, is taken.
ARG BEAM=apache/beam_python3.12_sdk:2.77.0

FROM ${BASE} AS base
ENV PATH=/opt/kfx/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# ---- Packages: one venv a target, and the tools that build them, which stay behind.
FROM base AS tools
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY image/install /usr/local/bin/kfx-install
RUN python3 -m venv /opt/kfx
COPY requirements-build.txt /src/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    kfx-install tools /src/requirements-build.txt

FROM tools AS slim-packages
ARG SOURCE_DATE_EPOCH=0
COPY requirements-slim.txt /src/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    kfx-install packages /src/requirements-slim.txt

FROM tools AS full-packages
ARG SOURCE_DATE_EPOCH=0
# pyfarmhash, which TFDV needs, is published as C++ source only.
RUN --mount=type=secret,id=ca,target=/run/secrets/ca kfx-install compiler
COPY requirements.txt /src/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    kfx-install packages /src/requirements.txt

# ---- kfx itself, apart from the packages: a changed line of kfx rebuilds this and the last layer only.
FROM tools AS kfx
ARG SOURCE_DATE_EPOCH=0
COPY pyproject.toml setup.py README.md LICENSE /src/
COPY kfx /src/kfx
COPY trainer /src/trainer
RUN kfx-install kfx /src

# ---- The images.
FROM base AS run
# Numeric, so that Kubernetes can see it is not root; a name, because getpass and Beam ask for one.
RUN echo 'kfx:x:65532:65532:kfx:/tmp:/usr/sbin/nologin' >> /etc/passwd && echo 'kfx:x:65532:' >> /etc/group
ENV HOME=/tmp
WORKDIR /tmp
USER 65532:65532

FROM run AS slim
COPY --from=slim-packages /opt/kfx /opt/kfx
COPY --from=kfx /staged/opt/kfx /opt/kfx
ARG VERSION=0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="kfx slim" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"

FROM run AS complete
COPY --from=full-packages /opt/kfx /opt/kfx
COPY --from=kfx /staged/opt/kfx /opt/kfx
ARG VERSION=0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="kfx" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"

FROM ${BEAM} AS beam

FROM complete AS dataflow
COPY --from=beam /opt/apache/beam/boot /opt/apache/beam/boot
# The starter uses the Python it finds on PATH, and makes no venv of its own beside it.
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
ENTRYPOINT ["/opt/apache/beam/boot"]

# The last stage is what `docker build .` makes.
FROM complete AS full
