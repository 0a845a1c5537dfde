#!/usr/bin/env bash
# Installs what building and testing Peal needs, on Debian 12; says nothing if all is there.
#
#   bazel-bootstrap        the build
#   libopenblas-serial-dev GEMM, the serial build: one core belongs to one worker
#   zlib1g-dev, libisal-dev inflate: the reference and the fast one
#   libzstd-dev, libbz2-dev, liblzma-dev                    the codecs zstd, bzip2 and xz
#   liblz4-dev             LZ4 within Arrow data
#   libjpeg62-turbo-dev, libspng-dev                        images: JPEG and PNG
#   libutf8proc-dev        letters and their cases, for the words of texts
#   libcurl4-openssl-dev   sources of web servers        libexpat1-dev  lists of S3, which are XML
#   libgumbo-dev           HTML, for sources of web pages
#   libsqlite3-dev, libpq-dev                               sources of SQLite and PostgreSQL databases
#   libxxhash-dev          checksums, content keys          libmd-dev      SHA-256
#   libjansson-dev         JSON                             libyaml-dev    job files
#   libcmocka-dev          unit tests                       procps         pgrep, for the tests that kill
#   spin                   checks the protocols' models
#   jq, strace, locales    for script tests: JSON as others read it, a slow system call, a locale with a decimal comma
#   clang-format, clang, libclang-rt-14-dev                 format check, fuzz targets
set -euo pipefail

packages=(bazel-bootstrap g++ libopenblas-serial-dev zlib1g-dev libisal-dev libzstd-dev libbz2-dev liblz4-dev
    liblzma-dev libjpeg62-turbo-dev libspng-dev libutf8proc-dev libcurl4-openssl-dev libexpat1-dev libgumbo-dev libsqlite3-dev libpq-dev libxxhash-dev libmd-dev libjansson-dev libyaml-dev libcmocka-dev procps spin jq strace
    locales clang clang-format libclang-rt-14-dev)

missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
if [ "${#missing[@]}" -gt 0 ]; then
    echo "installing: ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
# Debian names its binary bazel-4; its wrapper, which reads .bazelversion, looks for the whole version.
version=$(cat "$(dirname "$0")/../.bazelversion")
[ -e "/usr/bin/bazel-$version" ] || [ ! -e /usr/bin/bazel-4 ] || "${as_root[@]}" ln -s bazel-4 "/usr/bin/bazel-$version"
