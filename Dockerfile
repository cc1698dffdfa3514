# The image that runs a whole pipeline, or one step of it: `make image`, or `make image-gpu` with CUDA.
# docs/decisions/packaging.md has the reasons. Any builder will do: nothing here needs BuildKit.
ARG BASE=debian:trixie-slim

# The dependencies, which change seldom, in a virtual environment of Debian's Python 3.13.
FROM ${BASE} AS dependencies
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ python3 python3-dev python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv --without-pip /opt/venv
ENV PIP_PYTHON=/opt/venv/bin/python PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# cpu or gpu
ARG VARIANT=cpu
COPY tools/requirements/image-${VARIANT}.txt /build/requirements.txt
# Some packages have no wheel. They are built with the setuptools that is installed first, by its hash.
# What no step reads is removed: TensorFlow's C++ headers, which compile kernels of one's own (289 MB); the clang library that
# TensorFlow requires and imports nowhere (62 MB); the tests of the largest packages (45 MB).
# Byte code is compiled here, because the user of the image cannot write it. Some packages have templates that do not compile.
RUN sed -n '/^setuptools==/,/[^\\]$/p' /build/requirements.txt > /build/setuptools.txt \
    && python3 -m pip install --quiet --no-compile --no-deps --require-hashes --requirement /build/setuptools.txt \
    && python3 -m pip install --quiet --no-compile --no-deps --no-build-isolation --require-hashes \
        --requirement /build/requirements.txt \
    && cd /opt/venv/lib/python3.13/site-packages \
    && rm -r tensorflow/include clang/native \
    && find numpy pandas pyarrow scipy sklearn -type d -name tests -prune -exec rm -r {} + \
    && { PYTHONWARNINGS=ignore /opt/venv/bin/python -m compileall -qq -j 0 /opt/venv/lib || true; }

# The project, installed as a wheel.
FROM dependencies AS project
COPY . /build/project
RUN python3 -m pip install --quiet --no-compile --no-deps --no-build-isolation --prefix /opt/project /build/project \
    && /opt/venv/bin/python -m compileall -q /opt/project/lib

FROM ${BASE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log \
    && useradd --uid 1000 --user-group --create-home interestflow \
    && chmod 1777 /home/interestflow
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=project /opt/project /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=2
USER 1000:1000
WORKDIR /home/interestflow
# A new volume that is mounted on `runs` gets owner and mode of this folder. Any user may write it, because the container may be
# run as another, such as the owner of a mounted folder.
RUN mkdir --mode=1777 runs && ln -s /opt/venv/lib/python3.13/site-packages/interestflow/configs configs
# Kubernetes replaces the entry point by the command of each step.
ENTRYPOINT ["interestflow"]
CMD ["--help"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="interestflow" \
    org.opencontainers.image.description="From raw interaction logs to a validated, served recommender on TensorFlow" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="https://github.com/interestflow/interestflow" \
    org.opencontainers.image.documentation="https://interestflow.github.io/interestflow"
