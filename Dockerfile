# One static file, nobody's rights, a volume. SOCKET_ADDRESS, VIEW and SHARD_COUNT say which node it is.
#
#   docker build .                                            builds from source
#   scripts/build-static && docker build --target packed .    packs what was built beside it: needs no base image
#
# Runs with a root file system that cannot be written (`docker run --read-only`), without capabilities, as any user who owns its volume.

# What is built from source: any image with bash's tools, a C compiler and the Rust of Cargo.toml's `rust-version`.
ARG BASE=rust:1.95-bookworm

# Everything but the program.
FROM scratch AS node
# An empty folder: the volume gets its owner.
COPY --chown=65532:65532 docker/data /data
USER 65532:65532
ENV DATA_DIR=/data
VOLUME /data
# Clients, and peers 10000 above.
EXPOSE 8090 18090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["/causeway", "healthcheck"]
ENTRYPOINT ["/causeway"]

# Before the stage with the base image: a builder without BuildKit makes all stages up to the one that it is asked for.
FROM node AS packed
COPY target/image/causeway /causeway

FROM ${BASE} AS build
WORKDIR /source
COPY . .
RUN scripts/build-static

FROM node
COPY --from=build /source/target/image/causeway /causeway
