# Two ways to the same image:
#   docker build -t callplane .                       builds Callplane inside
#   docker build -t callplane --target prebuilt .     takes target/release/callplane as built outside, or another BINARY
FROM debian:bookworm-slim AS runtime
# A number: Kubernetes can tell that it is not root (runAsNonRoot).
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin callplane \
 && mkdir -p /var/lib/callplane/audio && chown -R callplane /var/lib/callplane
WORKDIR /var/lib/callplane
USER 10001:10001
# WAV files for playbacks are put here: -v /somewhere:/var/lib/callplane/audio:ro
ENV CALLPLANE_MEDIA__AUDIO_ROOTS='["/var/lib/callplane/audio"]'
# SIP, the session API, the admin endpoint, the media service. RTP (10000 to 20000 UDP) is left out: `docker run -P` would
# publish every port of it, and under another number than descriptions tell.
EXPOSE 5060/udp 5060/tcp 7070/tcp 7071/tcp 7080/tcp
ENTRYPOINT ["/usr/local/bin/callplane"]
CMD ["serve"]

FROM runtime AS prebuilt
ARG BINARY=target/release/callplane
COPY ${BINARY} /usr/local/bin/callplane

FROM rust:1-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY proto proto
COPY src src
COPY benches benches
RUN cargo build --release --locked --bin callplane

FROM runtime AS built
COPY --from=build /src/target/release/callplane /usr/local/bin/callplane
