//! The command line of a peer's program — owns the choice of a workload — must never play two.

use std::process::exit;

use crate::Meter;

/// A workload's name, and what plays it.
pub type Workload = (&'static str, fn(&Arguments));

/// What a workload is told.
pub struct Arguments {
    /// Tasks, where a workload comes in sizes.
    pub size: u64,
    exactly: Option<u64>,
}

impl Arguments {
    /// A meter of chunks of so many operations.
    pub fn meter(&self, chunk: u64) -> Meter {
        Meter::new(chunk, self.exactly)
    }
}

/// Plays the workload that the command line names: those of one thread on one processor, those of
/// several wherever the kernel runs them.
pub fn main(of_one: &[&[Workload]], of_several: &[Workload]) {
    let workloads = || of_one.iter().copied().flatten().chain(of_several);
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    if name == "--list" {
        return workloads().for_each(|(name, _)| println!("{name}"));
    }
    let Some((_, play)) = workloads().find(|(workload, _)| *workload == name) else {
        eprintln!("the arguments are: --list, or WORKLOAD [--size N] [--exactly N]");
        exit(2)
    };
    let mut arguments = Arguments { size: 1000, exactly: None };
    while let Some(option) = words.next() {
        let number = words.next().and_then(|number| number.parse().ok()).expect("each option has a number");
        match option.as_str() {
            "--size" => arguments.size = number,
            "--exactly" => arguments.exactly = Some(number),
            _ => panic!("{option} is not an option: --size, --exactly"),
        }
    }
    crate::system::raise_descriptor_limit();
    if of_several.iter().all(|(workload, _)| *workload != name) {
        crate::system::pin_to(crate::PROCESSOR);
    }
    play(&arguments);
}
