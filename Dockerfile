# The project's programs, one target each:
#   model-server, predictor, fish-producer, monitor, catchweight (the tools)
#
# The dependencies (including librdkafka and OpenSSL, which are C code) are a layer of their own. A change
# in a crate compiles only the workspace's crates.

# Manifests and lock file with empty sources. The dependency layer is reused as long as these files
# do not change.
FROM rust:1.95-bookworm AS manifests
WORKDIR /manifests
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY embedded embedded
RUN find crates embedded -type f ! -name Cargo.toml ! -path '*/src/lib.rs' ! -path '*/examples/*.rs' \
      ! -path '*/benches/*.rs' -delete \
 && find crates embedded -type d -empty -delete \
 && find crates embedded -name '*.rs' -exec truncate --size=0 '{}' +

FROM rust:1.95-bookworm AS dependencies
WORKDIR /source
# `tls` builds OpenSSL, for Kafka over TLS and SASL; `png` a renderer, for `catchweight plot`. Empty: neither,
# and a faster first build.
ARG FEATURES=tls,png
ENV CARGO_INCREMENTAL=0 \
    PACKAGES="--package model-server --package predictor --package fish-producer --package monitor --package catchweight"
COPY --from=manifests /manifests .
# `--lib` links no program: link-time optimization runs once, in the next stage.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo build --profile image --locked --features "$FEATURES" $PACKAGES --lib

FROM dependencies AS build
COPY connectors connectors
COPY data data
COPY ksql ksql
COPY pipeline.toml .
COPY crates crates
COPY embedded embedded
# Cargo compares modification times: sources older than the empty ones above would count as compiled.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    find crates embedded -name '*.rs' -exec touch '{}' + \
 && cargo build --profile image --locked --features "$FEATURES" $PACKAGES --bins \
 && mkdir -p /out/state \
 && cp target/image/model-server target/image/predictor target/image/fish-producer \
       target/image/monitor target/image/catchweight /out/

FROM gcr.io/distroless/cc-debian12:nonroot AS runtime
USER 65532:65532

FROM runtime AS model-server
COPY --from=build /out/model-server /usr/local/bin/model-server
# A new volume that is mounted here gets this owner.
COPY --from=build --chown=65532:65532 /out/state /var/lib/catchweight
ENV LISTEN=0.0.0.0:8000 LIVE_COPY=/var/lib/catchweight/live-model.json
EXPOSE 8000
HEALTHCHECK --interval=3s --timeout=5s --start-period=60s --retries=5 \
    CMD ["/usr/local/bin/model-server", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/model-server"]

FROM runtime AS predictor
COPY --from=build /out/predictor /usr/local/bin/predictor
ENV LISTEN=0.0.0.0:8001
EXPOSE 8001
HEALTHCHECK --interval=3s --timeout=5s --start-period=60s --retries=5 \
    CMD ["/usr/local/bin/predictor", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/predictor"]

FROM runtime AS fish-producer
COPY --from=build /out/fish-producer /usr/local/bin/fish-producer
ENV LISTEN=0.0.0.0:8002
EXPOSE 8002
HEALTHCHECK --interval=3s --timeout=5s --start-period=60s --retries=5 \
    CMD ["/usr/local/bin/fish-producer", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/fish-producer"]

FROM runtime AS monitor
COPY --from=build /out/monitor /usr/local/bin/monitor
ENV LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=3s --timeout=5s --start-period=60s --retries=5 \
    CMD ["/usr/local/bin/monitor", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/monitor"]

FROM runtime AS catchweight
COPY --from=build /out/catchweight /usr/local/bin/catchweight
ENTRYPOINT ["/usr/local/bin/catchweight"]
CMD ["--help"]
