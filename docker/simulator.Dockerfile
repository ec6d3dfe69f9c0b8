# The simulator, for sweeps on other machines: what scripts/build-simulator laid out, and nothing else. Needs no base image.
#
#   scripts/build-simulator && docker build --file docker/simulator.Dockerfile --tag causeway-sim .
#   docker run --rm causeway-sim sweep --seeds 1..200
#
# Not one static file, as the server is: madsim takes the place of libc's clocks and looks for those behind its own, which only a
# dynamic linker can tell.
FROM scratch
COPY target/image/simulator/ /
# An empty folder: capsules of a run without a volume.
COPY --chown=65532:65532 docker/data /capsules
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/causeway-sim"]
