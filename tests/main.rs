//! Every test of behaviour, in one binary: modules by behaviour, names are sentences. Ids such as
//! TS1 name the known bug of another executor that the test would have caught.

mod support;

mod wake_contract;

mod tasks;

mod remote_tasks;

mod panics;

mod fairness;

mod shutdown;

mod nesting;

mod blocking;

mod runtime;

// The backend that polls has no descriptor to watch.
#[cfg(all(unix, not(polling_test_poll_backend)))]
mod host_loop;

#[cfg(unix)]
mod fork;

#[cfg(all(unix, feature = "signal"))]
mod signals;

mod reactor;

mod readiness;

mod timers;

#[cfg(any(unix, windows))]
mod tcp;

#[cfg(any(unix, windows))]
mod balance;

#[cfg(any(unix, windows))]
mod hyper;

#[cfg(all(unix, feature = "signal"))]
mod http;

#[cfg(unix)]
mod examples;

mod spinning;

mod cores;

mod channels;

mod allocations;

mod guide;

mod stress;

mod tidy;
