# Two ways to the same image:
#   docker build -t callplane .                       builds Callplane inside
#   docker build -t callplane --target prebuilt .     takes target/release/callplane as built outside
FROM debian:bookworm-slim AS runtime
RUN useradd --system --no-create-home --shell /usr/sbin/nologin callplane \
 && mkdir -p /var/lib/callplane/audio && chown -R callplane /var/lib/callplane
WORKDIR /var/lib/callplane
USER callplane
ENTRYPOINT ["/usr/local/bin/callplane"]
CMD ["serve"]

FROM runtime AS prebuilt
COPY target/release/callplane /usr/local/bin/callplane

FROM rust:1-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY proto proto
COPY src src
COPY benches benches
RUN cargo build --release --locked --bin callplane

FROM runtime AS built
COPY --from=build /src/target/release/callplane /usr/local/bin/callplane
