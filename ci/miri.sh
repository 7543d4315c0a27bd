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
# A backtrace of each panic that a test provokes would take minutes.
export RUST_BACKTRACE=0
miri() {
    timeout 900 cargo "+$toolchain" miri test --quiet --target-dir target/miri "$@"
}

miri --lib -- channel:: task:: wait_list:: clock:: reactor::driver::key reactor::timers reactor::wheel executor::event_interval \
    executor::metrics --skip task::state --skip what_is_kept_is_bounded --skip after_a_peak
echo "skipped in miri: task::state (pure, and every word of it is walked), what is large by design, what asks the kernel, all of tests/"
