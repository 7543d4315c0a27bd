#!/bin/sh
# Tests that cross threads under ThreadSanitizer, with std instrumented as well. `--cfg wakeline_tsan` replaces the fence before a free, which
# TSan does not know, by a load. What cannot run here is said and is no failure, unless WAKELINE_CI=1. Another toolchain: TSAN_TOOLCHAIN=…
set -eu
cd "$(dirname "$0")/.."
toolchain=${TSAN_TOOLCHAIN:-nightly}
target=x86_64-unknown-linux-gnu

skip() {
    echo "skipped: tsan: $1"
    [ "${WAKELINE_CI:-0}" != 1 ]
    exit
}

[ "$(uname -sm)" = "Linux x86_64" ] || skip "written for Linux on x86_64"
sysroot=$(rustc "+$toolchain" --print sysroot 2>/dev/null) || skip "there is no toolchain \`$toolchain\`"
[ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ] || skip "\`$toolchain\` lacks rust-src (rustup component add rust-src --toolchain $toolchain)"

export RUSTFLAGS="-Zsanitizer=thread --cfg wakeline_tsan ${RUSTFLAGS:-}"
timeout 1200 cargo "+$toolchain" test --quiet -Zbuild-std --target "$target" --target-dir target/tsan --test main -- \
    stress:: wake_contract:: remote_tasks:: channels::
