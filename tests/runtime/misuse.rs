//! What bad input gets.

use std::io::ErrorKind;
use std::time::Duration;

use wakeline::runtime::SpawnError;
use wakeline::{Cores, Runtime, block_on, spawn, task};

use super::{runtime, with_cores};
use crate::support::{assert_contains, assert_passed, is_child, must_end, panic_text, run_in_child, run_in_child_with};

#[test]
fn a_number_of_cores_that_cannot_be_is_an_error() {
    for (cores, text) in [(0, "at least one core"), (1_000_000, "at most 1024 cores, not 1000000")] {
        let error = with_cores(cores).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_contains(&error.to_string(), &[text]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn more_pinned_cores_than_cpus_are_an_error_and_more_that_are_not_pinned_are_not() {
    must_end(|| {
        let cores = std::thread::available_parallelism().unwrap().get();
        let error = with_cores(1000).pin(true).build().unwrap_err();
        assert_contains(&error.to_string(), &["1000 cores cannot be pinned to"]);
        let runtime = with_cores(cores + 2).build().unwrap();
        assert_eq!(runtime.run(|core| async move { core.index() }).len(), cores + 2);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_thread_that_cannot_be_started_is_an_error_and_those_before_it_end() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    if !is_child() {
        let test = "runtime::misuse::a_thread_that_cannot_be_started_is_an_error_and_those_before_it_end";
        // Stacks of a gigabyte, which nobody touches: the limit below refuses one, and leaves room
        // for all else.
        return assert_passed(&run_in_child_with(test, &[("RUST_MIN_STACK", "1073741824")]));
    }
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    // Room for some stacks, and no stack more.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB")).unwrap();
    let most = (size.parse::<u64>().unwrap() + (9 << 20) / 2) * 1024;
    setrlimit(Resource::As, Rlimit { current: Some(most), maximum: Some(most) }).unwrap();
    let error = with_cores(20).build().unwrap_err();
    assert_contains(&error.to_string(), &["the thread of core ", "cannot be started"]);
    // They were joined, but the kernel may take a moment to strike them off.
    crate::support::wait_until(|| threads() == before);
    assert_eq!(runtime(1).run(|core| async move { core.index() }), [0]);
}

// A core that found no descriptors at its first wait died in the middle of its work.
#[cfg(target_os = "linux")]
#[test]
fn a_runtime_that_finds_no_descriptors_is_an_error_and_leaves_no_thread() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    if !is_child() {
        let test = "runtime::misuse::a_runtime_that_finds_no_descriptors_is_an_error_and_leaves_no_thread";
        return assert_passed(&run_in_child(test));
    }
    let entries = |folder: &str| std::fs::read_dir(folder).unwrap().count() as u64;
    let (threads, maximum) = (entries("/proc/self/task"), getrlimit(Resource::Nofile).maximum);
    // What is open now, and so many more: none for this thread, some for it and for the first of
    // the cores, enough for all.
    let limit = |more| setrlimit(Resource::Nofile, Rlimit { current: Some(more), maximum }).unwrap();
    // The count has opened one itself, the folder.
    let open = entries("/proc/self/fd") - 1;
    let mut errors = Vec::new();
    let runtime = (0..20).find_map(|more| {
        limit(open + more);
        let outcome = with_cores(3).build();
        limit(open + 100);
        outcome.map_err(|error| errors.push(error.to_string())).ok()
    });
    let runtime = runtime.unwrap();
    let with_three = entries("/proc/self/fd");
    // All there is to open is open: a flood, which leaves no number below the limit, takes nothing
    // from it.
    limit(open);
    assert_eq!(runtime.run(|_| wakeline::time::sleep(Duration::from_millis(1))).len(), 3);
    runtime.block_on(wakeline::time::sleep(Duration::from_millis(1)));
    limit(open + 100);
    assert!(runtime.shutdown(Duration::from_secs(20)).is_clean());
    // Before the cores this thread may have found none.
    assert!(errors.last().unwrap().starts_with("core "), "{errors:?}");
    errors.iter().for_each(|error| assert_contains(error, &["cannot wait: ", "Too many open files"]));
    // What was opened has been closed, but for this thread's; each core opens as much as the
    // others.
    crate::support::wait_until(|| entries("/proc/self/task") == threads);
    let with_none = entries("/proc/self/fd");
    let one = with_cores(1).build().unwrap();
    let per_core = entries("/proc/self/fd") - with_none;
    assert!(per_core > 0 && with_three == with_none + 3 * per_core, "{with_none}, {per_core}, {with_three}");
    drop(one);
}

#[test]
fn a_name_with_a_zero_byte_is_an_error() {
    let error = Runtime::builder().cores(Cores::exactly(1)).name("a\0b").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_contains(&error.to_string(), &["zero byte"]);
}

#[test]
fn a_core_that_is_not_there_is_a_panic_or_an_error_that_says_how_many_there_are() {
    must_end(|| {
        let runtime = runtime(2);
        let words = ["there is no core 2: this runtime has 2, numbered from 0"];
        assert_contains(&panic_text(|| runtime.spawn_on(2, || async {}).detach()), &words);
        assert_contains(&panic_text(|| drop(runtime.handle().spawner(2))), &words);
        let builder = task::Builder::new().name("lost");
        assert_contains(&panic_text(|| builder.spawn_on(&runtime, 2, || async {}).detach()), &words);
        let error = runtime.try_spawn_on(usize::MAX, || async {}).unwrap_err();
        assert!(matches!(error, SpawnError::NoSuchCore { core: usize::MAX, cores: 2, .. }));
        let error = std::io::Error::from(error);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(block_on(runtime.spawn_on(1, || async { 1 })).unwrap(), 1, "and nothing else is harmed");
    });
}

#[test]
fn the_panic_of_a_wrong_core_names_the_line_that_asked() {
    let line = line!() + 2;
    if is_child() {
        runtime(1).spawn_on(1, || async {}).detach();
    }
    let output = run_in_child("runtime::misuse::the_panic_of_a_wrong_core_names_the_line_that_asked");
    assert_contains(&String::from_utf8_lossy(&output.stderr), &[&format!("misuse.rs:{line}:"), "there is no core 1"]);
}

#[test]
fn a_runtime_inside_a_runtime_is_an_error() {
    must_end(|| {
        let runtime = runtime(1);
        let error = block_on(runtime.spawn_on(0, || async { runtime_error() })).unwrap();
        assert_contains(
            &error,
            &["cannot be built here", "`Runtime::build` was called inside task", "misuse.rs", "Core::current()"],
        );
        assert_contains(&block_on(async { runtime_error() }), &["inside the future of `block_on`"]);
    });
}

fn runtime_error() -> String {
    with_cores(1).build().unwrap_err().to_string()
}

#[test]
fn calls_that_block_panic_inside_a_task_and_name_it() {
    must_end(|| {
        let shared = std::sync::Arc::new(runtime(1));
        let texts = block_on(async {
            let (run, wait) = (shared.clone(), shared.clone());
            let tasks = [
                task::Builder::new().name("asks").spawn(async move { panic_text(|| drop(run.run(|_| async {}))) }),
                task::Builder::new().name("asks").spawn(async move { panic_text(|| wait.block_on(async {})) }),
                task::Builder::new()
                    .name("asks")
                    .spawn(async { panic_text(|| drop(runtime_on_a_thread().shutdown(Duration::ZERO))) }),
            ];
            let mut texts = Vec::new();
            for task in tasks {
                texts.push(task.await.unwrap());
            }
            texts
        });
        for (text, call) in texts.iter().zip(["run", "block_on", "shutdown"]) {
            let words = [&format!("`Runtime::{call}` was called inside task \"asks\""), "misuse.rs", ".await", "unblock"];
            assert_contains(text, &words);
        }
        // On a core, it is the core's task.
        let inside = shared.clone();
        let text = block_on(shared.spawn_on(0, || async move { panic_text(|| drop(inside.run(|_| async {}))) })).unwrap();
        assert_contains(&text, &["`Runtime::run` was called inside task"]);
        block_on(async { spawn(async {}).await.unwrap() });
    });
}

/// Built where it may be built.
fn runtime_on_a_thread() -> Runtime {
    std::thread::spawn(|| runtime(1)).join().unwrap()
}
