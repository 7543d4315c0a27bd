//! How many cores `Cores` finds: the mask and the variable of this very process. Quotas and bad
//! values have unit tests over made-up files.

use wakeline::Cores;

use crate::support::{assert_contains, assert_passed, is_child, run_in_child_with, skip};

#[test]
fn a_count_that_was_asked_for_is_kept() {
    for count in [0, 1, 3, 4096] {
        let cores = Cores::exactly(count);
        assert_eq!(cores.count(), count);
        assert_contains(&cores.explain(), &["as the program asked", &count.to_string()]);
        assert_eq!(cores.to_string(), cores.explain());
        assert_eq!(cores.clone().count(), count);
    }
}

#[test]
fn the_variable_lowers_the_number_of_cores() {
    if is_child() {
        let cores = Cores::auto();
        assert_eq!(cores.count(), 1);
        assert_contains(&cores.explain(), &["1 core, limited by ", "; WAKELINE_CORES is 1"]);
        return;
    }
    let name = "cores::the_variable_lowers_the_number_of_cores";
    assert_passed(&run_in_child_with(name, &[("WAKELINE_CORES", "1")]));
}

#[test]
fn a_variable_that_says_nothing_is_ignored() {
    if is_child() {
        assert!(Cores::auto().count() >= 1);
        assert_contains(&Cores::auto().explain(), &["; WAKELINE_CORES is \"all\", ignored: not a number from 1 to "]);
        return;
    }
    assert_passed(&run_in_child_with("cores::a_variable_that_says_nothing_is_ignored", &[("WAKELINE_CORES", "all")]));
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn the_mask_of_the_thread_that_asks_is_respected_and_a_later_change_is_not_followed() {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    if sched_getaffinity(None).unwrap().count() == 1 {
        return skip("this process may run on one CPU only: there is nothing to take away");
    }
    let asked = std::thread::spawn(|| {
        let before = Cores::auto();
        let said = (before.count(), before.explain());
        let mask = sched_getaffinity(None).unwrap();
        let first = (0..CpuSet::MAX_CPU).find(|&cpu| mask.is_set(cpu)).unwrap();
        let mut one = CpuSet::new();
        one.set(first);
        sched_setaffinity(None, &one).unwrap();
        (said, (before.count(), before.explain()), Cores::auto())
    });
    let (said, says, after) = asked.join().unwrap();
    assert_eq!(said, says, "what was found is kept");
    assert_eq!(after.count(), 1);
    assert_contains(&after.explain(), &["1 core, limited by the affinity mask: the affinity mask allows 1 CPU;"]);
    assert_ne!(said.1, after.explain());
}
