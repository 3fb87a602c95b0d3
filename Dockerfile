# syntax=docker/dockerfile:1
# The operator's image: one static binary and the public authorities, nothing else. `docker build --target debug --output debug .` writes the files
# that a debugger wants for exactly this binary (docs/operations.md).

FROM rust:1-bookworm AS build
# ring compiles C; the musl target links it and everything else statically.
RUN apt-get update && apt-get install -y --no-install-recommends musl-tools binutils && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY rust-toolchain.toml ./
# For the machine it is built on: docker builds each platform of an image on its own.
RUN rustup target add "$(uname -m)-unknown-linux-musl"
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --package atoll --bin atoll --target "$(uname -m)-unknown-linux-musl" \
    && .ci/split-debug "target/$(uname -m)-unknown-linux-musl/release/atoll" /out

# What a stack is read with: lines, functions and the binary as it is in the image.
FROM scratch AS debug
COPY --from=build /out/atoll /out/atoll.debug /

FROM scratch
COPY --from=build /out/atoll /atoll
# For members whose certificate is of a public authority: a client without any trust anchor is not even built.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# nobody's: no such user exists in the image, and no file there belongs to it.
USER 65532:65532
# The operator listens on loopback unless told otherwise; probes and scrapers of a pod come from outside of it.
ENV ATOLL_LISTEN=0.0.0.0:8080
EXPOSE 8080 9443
HEALTHCHECK NONE
ENTRYPOINT ["/atoll"]
CMD ["run"]
