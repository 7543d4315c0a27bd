#!/bin/sh
# The tests that need no kernel, in Miri (Tree Borrows), with the loops that `cfg(miri)` shortens. What cannot run here is said and is no
# failure, unless WAKELINE_CI=1. Another toolchain than `nightly`: MIRI_TOOLCHAIN=…
set -eu
cd "$(dirname "$0")/.."
toolchain=${MIRI_TOOLCHAIN:-nightly}

if ! cargo "+$toolchain" miri --version >/dev/null 2>&1; then
    echo "skipped: miri: the toolchain \`$toolchain\` has no such component (rustup component add miri rust-src --toolchain $toolchain)"
    [ "${WAKELINE_CI:-0}" != 1 ]
    exit
fi

# Isolation would take the clock away. Threads that a pool keeps at rest are no leak.
export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-tree-borrows -Zmiri-ignore-leaks ${MIRIFLAGS:-}"
miri() {
    timeout 900 cargo "+$toolchain" miri test --quiet --target-dir target/miri "$@"
}

miri --lib -- channel:: task:: wait_list:: clock:: reactor::driver::key reactor::readiness reactor::timers reactor::wheel \
    executor::event_interval executor::metrics
echo "skipped in miri: the unit tests of reactor::tests, runtime, net and signal, which ask the kernel, and all of tests/"
