# gschnet_pyg for NVIDIA GPUs (driver 580 or newer, with the NVIDIA Container Toolkit).
#
#   docker build -t gschnet-pyg .
#   docker run --rm --gpus all --ipc=host --user "$(id -u):$(id -g)" -v "$PWD:/work" gschnet-pyg train demo run.id=demo
#   docker run --rm --gpus all --ipc=host --user "$(id -u):$(id -g)" -v "$PWD:/work" gschnet-pyg generate runs/demo -n 1000
#
# /work is the working directory: what is mounted there holds data, recipes and runs, and --user makes the results yours.
# --ipc=host gives the processes that build batches shared memory. The tests of the project need no container:
# `make test`. training.compile needs a compiler, which the slim image lacks.
#
# PyTorch's release on PyPI is built for CUDA 13.0; torch-cluster is compiled for the same. To change one, change both.

ARG PYTHON=3.11.13
ARG CUDA=13.0.2

FROM nvidia/cuda:${CUDA}-devel-ubuntu24.04 AS cuda

FROM python:${PYTHON}-bookworm AS build
ARG TORCH=2.13.0
ARG TORCH_CLUSTER=1.6.3
# Turing to Blackwell; one architecture alone compiles faster: --build-arg ARCHITECTURES=9.0
ARG ARCHITECTURES="7.5;8.0;8.6;8.9;9.0;10.0;12.0+PTX"
COPY --from=cuda /usr/local/cuda-13.0 /usr/local/cuda
RUN python -m venv /opt/gschnet \
    && /opt/gschnet/bin/pip install --no-cache-dir \
       "torch==${TORCH}" setuptools==80.9.0 wheel==0.45.1 ninja==1.13.0
# no GPU is seen while an image is built, so code for it has to be asked for
ENV PATH=/opt/gschnet/bin:/usr/local/cuda/bin:$PATH \
    CUDA_HOME=/usr/local/cuda \
    FORCE_CUDA=1 \
    TORCH_CUDA_ARCH_LIST=${ARCHITECTURES}
RUN pip install --no-cache-dir --no-build-isolation "torch-cluster==${TORCH_CLUSTER}"
COPY . /source
RUN pip install --no-cache-dir "/source[cluster,posebusters]"

FROM python:${PYTHON}-slim-bookworm
# what RDKit's drawing links to; Debian keeps no older versions that could be pinned
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 libxext6 libxrender1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 --user-group gschnet \
    && install --directory --owner gschnet /work
COPY --from=build /opt/gschnet /opt/gschnet
# caches lie where any user may write
ENV PATH=/opt/gschnet/bin:$PATH \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    XDG_CACHE_HOME=/tmp/cache \
    MPLCONFIGDIR=/tmp/cache/matplotlib
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["gschnet-pyg"]
CMD ["--help"]
