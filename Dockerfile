# One static file, nobody's rights, a volume. SOCKET_ADDRESS, VIEW and SHARD_COUNT say which node it is.
#
#   docker build .                                            builds from source
#   scripts/build-static && docker build --target packed .    packs what was built beside it: needs no base image

FROM scratch AS packed
COPY target/image/causeway /causeway
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

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN scripts/build-static

FROM scratch
COPY --from=build /source/target/image/causeway /causeway
COPY --chown=65532:65532 docker/data /data
USER 65532:65532
ENV DATA_DIR=/data
VOLUME /data
EXPOSE 8090 18090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["/causeway", "healthcheck"]
ENTRYPOINT ["/causeway"]
