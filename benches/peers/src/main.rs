//! Plays wakeline, its peers and a floor in turns, and writes `benches/REPORT.md` with its plots.
//!
//! Run it with `cargo bench-report` at the repository's root. It wants Linux, with two processors
//! and nothing else to do; valgrind, if it is there, counts instructions besides. `--full` plays
//! more rounds and ten thousand connections, `--only TITLE` the plays that have the word in
//! their titles, `--rounds N` so many rounds, `--to FOLDER` writes elsewhere.
//!
//! Each play of each subject is a process of its own, and within a round the subjects follow each
//! other: memory that one has given back is not given to the next, a slow minute of the machine
//! slows all of them, and a ratio is taken within a round.
//!
//! **One program for each peer**, and not one program with all of them: Cargo would unite their
//! features, the linker would lay all of them out together, and one that does not build on some
//! machine would keep the others from playing. The price is a build of some minutes, once. The
//! workloads are one set of source files that each program includes as modules; what they ask of a
//! peer is its module `peer`. They are no generic functions over a trait, because tokio's `spawn`
//! wants `Send` of every future and the others have futures that are not.

mod machine;
mod plan;
mod plots;
mod programs;
mod progress;
mod report;
mod results;
mod turn;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use plan::{Kind, PLAYS, Play};
use programs::Subject;
use progress::Progress;
use results::Results;

const QUICK_ROUNDS: usize = 5;
const FULL_ROUNDS: usize = 15;

/// The rounds of the quick set take no longer, unless they would be fewer than are worth a median.
const QUICK: Duration = Duration::from_secs(390);
const LEAST_ROUNDS: usize = 3;

struct Arguments {
    full: bool,
    /// Nobody has said how many rounds.
    quick: bool,
    rounds: usize,
    only: Option<String>,
    to: PathBuf,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let to = programs::home().join("..");
        let mut read = Self { full: false, quick: false, rounds: 0, only: None, to };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--full" => read.full = true,
                "--rounds" => read.rounds = value()?.parse().map_err(|_| "--rounds wants a number")?,
                "--only" => read.only = Some(value()?),
                "--to" => read.to = value()?.into(),
                _ => return Err(format!("{word} is no option: --full, --rounds N, --only TITLE, --to FOLDER")),
            }
        }
        if read.rounds == 0 {
            read.quick = !read.full;
            read.rounds = if read.full { FULL_ROUNDS } else { QUICK_ROUNDS };
        }
        Ok(read)
    }

    fn plays(&self) -> Vec<&'static Play> {
        let wanted = |play: &&Play| {
            self.only.as_ref().is_none_or(|only| play.title.contains(only.as_str())) && (self.full || !play.full_only)
        };
        PLAYS.iter().filter(wanted).collect()
    }
}

/// All plays, round by round; each round and play begins with another subject.
///
/// On a machine that is slow or busy the quick set plays fewer rounds, so that it ends in time.
/// Returns how many it has played.
fn play_all(arguments: &Arguments, subjects: &[Subject], results: &mut Results, progress: &mut Progress) -> usize {
    let start = Instant::now();
    let plays = arguments.plays();
    let playing = |play: &Play| subjects.iter().filter(|subject| subject.plays(play.workload)).collect::<Vec<_>>();
    let turns = plays.iter().map(|play| playing(play).len()).sum::<usize>();
    progress.expect(turns * arguments.rounds);
    for round in 0..arguments.rounds {
        let with_next = start.elapsed().mul_f64((round + 1) as f64 / round.max(1) as f64);
        if round >= LEAST_ROUNDS && with_next > QUICK && arguments.quick {
            progress.skip(turns * (arguments.rounds - round));
            return round;
        }
        for play in &plays {
            let subjects = playing(play);
            for turn in 0..subjects.len() {
                let subject = subjects[(round + turn) % subjects.len()];
                progress.step(&format!("round {}, {}, {}", round + 1, play.title, subject.label));
                // What failed once fails again, and may take its time for it.
                if !results.failed(play, &subject.label) {
                    results.add(play, &subject.label, round, turn::turn(play, subject));
                }
            }
        }
    }
    arguments.rounds
}

/// Counts of instructions, two at a time: they do not depend on what else the machine does.
fn count_all(arguments: &Arguments, subjects: &[Subject], results: &mut Results, progress: &mut Progress) {
    let counted = |play: &&'static Play| play.kind == Kind::Program && play.lengths.is_some();
    let pairs: Vec<(&'static Play, &Subject)> = arguments
        .plays()
        .into_iter()
        .filter(counted)
        .flat_map(|play| subjects.iter().filter(|subject| subject.plays(play.workload)).map(move |subject| (play, subject)))
        .filter(|(play, subject)| !results.failed(play, &subject.label))
        .collect();
    progress.expect(pairs.len());
    for two in pairs.chunks(2) {
        two.iter().for_each(|(play, subject)| progress.step(&format!("instructions, {}, {}", play.title, subject.label)));
        let counts: Vec<_> = thread::scope(|scope| {
            let count = |&(play, subject): &(&'static Play, _)| {
                let lengths = play.lengths.expect("only those that have lengths are counted");
                scope.spawn(move || turn::instructions(play, subject, lengths))
            };
            let counting: Vec<_> = two.iter().map(count).collect();
            counting.into_iter().map(|count| count.join().expect("a count does not panic")).collect()
        });
        for (&(play, subject), count) in two.iter().zip(counts) {
            results.count(play, &subject.label, count);
        }
    }
}

fn run() -> Result<(), String> {
    let arguments = Arguments::read()?;
    let mut progress = Progress::new();
    play::system::raise_descriptor_limit();
    let (subjects, missing) = programs::build(&mut progress);
    let mut machine = machine::Machine::look();
    let mut results = Results::new(subjects.iter().map(|subject| subject.label.clone()).collect());
    let start = progress.elapsed();
    let rounds = play_all(&arguments, &subjects, &mut results, &mut progress);
    if machine.valgrind.is_some() {
        count_all(&arguments, &subjects, &mut results, &mut progress);
    }
    progress.end();
    machine.look_again();
    let head = report::Head { machine, rounds, took: progress.elapsed() - start, missing };
    let text = |error: std::io::Error| format!("{}: {error}", arguments.to.display());
    std::fs::create_dir_all(arguments.to.join("plots")).map_err(text)?;
    plots::draw(&results, &arguments.to.join("plots")).map_err(|error| format!("the plots: {error}"))?;
    std::fs::write(arguments.to.join("REPORT.md"), report::write(&head, &results)).map_err(text)?;
    println!("wrote {}", arguments.to.join("REPORT.md").display());
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
