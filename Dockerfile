# Both stages stand on the official Rust image on Debian. Nothing here asks rustup for more than it holds, so any Debian with
# the same toolchain can stand in for it.

FROM rust:1.95.0-slim-bookworm AS rootfs

SHELL ["/bin/bash", "-euo", "pipefail", "-c"]

# What the final image holds beside the binary: root certificates, a shell (GitLab runs a job's script through `sh`), and
# the few files of /etc that a C library looks for. Package tools are left out. Versions are Debian's: a pinned one would
# vanish from the mirrors with the next security update.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends busybox-static ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir -p /rootfs/{bin,etc/ssl/certs,root,tmp,usr/local/bin,usr/share/{common-licenses,doc/{busybox-static,ca-certificates,libc6}}} \
    && chmod 0700 /rootfs/root \
    && chmod 1777 /rootfs/tmp \
    && cp /bin/busybox /rootfs/bin/busybox \
    && /bin/busybox --list | grep -vxE 'busybox|dpkg|dpkg-deb|rpm|rpm2cpio' \
        | while read -r applet; do ln -s busybox "/rootfs/bin/$applet"; done \
    && ln -s ../bin /rootfs/usr/bin \
    && cp --dereference /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ca-certificates.crt \
    && cp /usr/share/doc/busybox-static/copyright /rootfs/usr/share/doc/busybox-static/ \
    && cp /usr/share/doc/ca-certificates/copyright /rootfs/usr/share/doc/ca-certificates/ \
    && cp /usr/share/doc/libc6/copyright /rootfs/usr/share/doc/libc6/ \
    && cp /usr/share/common-licenses/{GPL-2,LGPL-2.1,MPL-2.0} /rootfs/usr/share/common-licenses/ \
    && echo 'root:x:0:0:root:/root:/bin/sh' > /rootfs/etc/passwd \
    && echo 'root:x:0:' > /rootfs/etc/group \
    && echo 'hosts: files dns' > /rootfs/etc/nsswitch.conf

# A release puts its finished binaries in the place of this stage (--build-context), so that what is in the image is what was
# published and attested.
FROM rust:1.95.0-slim-bookworm AS build

SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build

# The C library is linked in. With an explicit --target the flag reaches our crates only, not the build scripts and
# macros, which have to stay loadable.
ENV RUSTFLAGS="-C target-feature=+crt-static"

# The dependencies: this layer is rebuilt only when they change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p benches src tests/it \
    && touch benches/pace.rs benches/scale.rs src/lib.rs \
    && echo 'fn main() {}' | tee src/main.rs > tests/it/main.rs \
    && cargo build --locked --release --bin dcs-migration-wait --target "$(rustc -vV | sed -n 's/^host: //p')"

# What their licences ask for.
COPY LICENSE-APACHE ./
COPY scripts/release-licences scripts/
RUN scripts/release-licences "$(rustc -vV | sed -n 's/^host: //p')" /usr/local/share/THIRD-PARTY-LICENSES

# Ours. COPY keeps the times of the files, which are older than the stand-ins just built: without the touch cargo would
# take those for current. The last two lines make sure that the result is ours, and static.
COPY src ./src
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && touch src/lib.rs src/main.rs \
    && cargo build --locked --release --bin dcs-migration-wait --target "$target" \
    && cp "target/$target/release/dcs-migration-wait" /usr/local/bin/dcs-migration-wait \
    && /usr/local/bin/dcs-migration-wait --version | grep '^dcs-migration-wait ' \
    && ! readelf --program-headers /usr/local/bin/dcs-migration-wait | grep INTERP

FROM scratch

LABEL org.opencontainers.image.title="dcs-migration-wait" \
      org.opencontainers.image.description="Waits until an online Redis migration of Open Telekom Cloud or Huawei Cloud DCS is really done or really in sync" \
      org.opencontainers.image.source="https://github.com/dcs-migration-wait/dcs-migration-wait" \
      org.opencontainers.image.documentation="https://github.com/dcs-migration-wait/dcs-migration-wait#readme" \
      org.opencontainers.image.vendor="The dcs-migration-wait authors" \
      org.opencontainers.image.licenses="(Apache-2.0 OR MIT) AND Apache-2.0 AND BSD-3-Clause AND GPL-2.0-only AND ISC AND LGPL-2.1-or-later AND MIT AND MPL-2.0 AND Unicode-3.0"

COPY --from=rootfs /rootfs/ /
COPY LICENSE-APACHE LICENSE-MIT /usr/share/doc/dcs-migration-wait/
COPY --from=build /usr/local/share/THIRD-PARTY-LICENSES /usr/share/doc/dcs-migration-wait/
COPY --from=build /usr/local/bin/dcs-migration-wait /usr/local/bin/dcs-migration-wait

ENV PATH=/usr/local/bin:/bin \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt

# Root, since GitHub's command files belong to root and GitLab's job directory to whom it likes.
ENTRYPOINT ["/usr/local/bin/dcs-migration-wait"]
