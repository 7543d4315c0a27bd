//! `REPORT.md` — owns its words and tables — must never leave out a row because of how it ends.

use std::fmt::Write as _;

use crate::machine::Machine;
use crate::plan::{FLOOR, Figure, OURSELVES, PROGRAMS, Play};
use crate::programs;
use crate::progress::minutes;
use crate::results::{Results, Spread};

/// What stands above the tables.
pub struct Head {
    pub machine: Machine,
    pub rounds: usize,
    /// Seconds, without building.
    pub took: f64,
    /// Programs that do not build or start, with the reason.
    pub missing: Vec<(String, String)>,
}

/// A ratio within so much of one is no difference.
const LEVEL: f64 = 0.05;

/// Where one of ours stands in one figure.
pub struct Standing<'a> {
    pub play: &'static Play,
    pub figure: &'static Figure,
    pub ours: &'a String,
    /// Our cost by the floor's, and by the best peer's; of what is better when it is more, the
    /// other way round, so that above one is always worse.
    pub to_floor: Option<Spread>,
    pub to_best: Option<(&'a String, Spread)>,
}

/// Every figure that we have, in the order of the plays.
pub fn standings(results: &Results) -> Vec<Standing<'_>> {
    let mut standings = Vec::new();
    for play in results.plays() {
        for ours in results.ours() {
            for figure in play.figures {
                if results.value(play, ours, figure).is_none() {
                    continue;
                }
                let to = |base: &str| cost_ratio(results, play, figure, ours, base);
                let to_best = results.best_peer(play, figure).and_then(|(best, _)| Some((best, to(best)?)));
                standings.push(Standing { play, figure, ours, to_floor: to(FLOOR), to_best });
            }
        }
    }
    standings
}

pub fn cost_ratio(results: &Results, play: &Play, figure: &Figure, label: &str, base: &str) -> Option<Spread> {
    if figure.more_is_better { results.ratio(play, figure, base, label) } else { results.ratio(play, figure, label, base) }
}

/// Three digits that count.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    let plain = format!("{value:.digits$}");
    let (whole, rest) = plain.split_once('.').map_or((plain.as_str(), ""), |(whole, _)| (whole, &plain[whole.len()..]));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 && whole.len() > 4 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// The play, and which of its figures.
pub fn titled(play: &Play, figure: &Figure) -> String {
    if figure.of.is_empty() { play.title.to_string() } else { format!("{}: {}", play.title, figure.of) }
}

pub fn write(head: &Head, results: &Results) -> String {
    let mut out = String::from("# wakeline beside its peers\n\n");
    let standings = standings(results);
    write_head(&mut out, head);
    write_verdicts(&mut out, &standings);
    write_table(&mut out, results, &standings);
    write_plots(&mut out);
    write_instructions(&mut out, results);
    write_spread(&mut out, results);
    write_failures(&mut out, head, results);
    write_meanings(&mut out, results);
    out
}

fn write_head(out: &mut String, head: &Head) {
    let machine = &head.machine;
    let versions = programs::versions();
    let _ = writeln!(
        out,
        "Made by `{}` on {}: rounds: {}, in {} minutes after building. Do not edit; run it again.\n",
        machine.command,
        machine.date,
        head.rounds,
        minutes(head.took),
    );
    let _ = writeln!(
        out,
        "Machine: {} × {}, {:.0} GiB, {}; {}; {}; load average {} before and {} after.\n",
        machine.processors,
        machine.processor,
        machine.memory_gib,
        machine.system,
        machine.rustc,
        machine.valgrind.as_deref().unwrap_or("no valgrind, so no counts of instructions"),
        machine.load[0],
        machine.load[1],
    );
    out.push_str("| who | version | how it is used here |\n|---|---|---|\n");
    for program in PROGRAMS {
        let version = program.krate.and_then(|name| versions.get(name)).map_or("", String::as_str);
        let _ = writeln!(out, "| {} | {version} | {} |", program.name, program.note);
    }
    out.push_str(
        "\nFigures are CPU time of an operation, user and system, unless the unit says otherwise; medians of the rounds. \
         Each turn is a process of its own, and the subjects of a play follow each other, so **only ratios of one run count**; \
         a ratio is taken in each round, and its median is given.\n\n",
    );
}

fn write_verdicts(out: &mut String, standings: &[Standing<'_>]) {
    let titles = ["Where wakeline loses", "Where it is level, or does not lead in every round", "Where it leads in every round"];
    let mut sections = titles.map(|title| (title, Vec::new()));
    let mut against: Vec<_> = standings.iter().filter_map(|one| Some((one, one.to_best?))).collect();
    against.sort_by(|(_, (_, one)), (_, (_, other))| other.median.total_cmp(&one.median));
    for (standing, (best, ratio)) in &against {
        let section = match ratio.median {
            median if median > 1.0 + LEVEL => 0,
            _ if ratio.median < 1.0 - LEVEL && ratio.most < 1.0 => 2,
            _ => 1,
        };
        let ours = if *standing.ours == OURSELVES { String::new() } else { format!(" ({})", standing.ours) };
        let line = format!(
            "- {}{ours}: {} × {best} ({}–{})",
            titled(standing.play, standing.figure),
            number(ratio.median),
            number(ratio.least),
            number(ratio.most)
        );
        sections[section].1.push(line);
    }
    let _ = writeln!(
        out,
        "## Standing\n\nOur cost by that of the best peer in that figure; above 1 is worse, whatever the unit. \
         Within {:.0} % is level; a loss is one by its median, \
         a lead has to be one in every round. In brackets the extremes of the rounds.\n",
        LEVEL * 100.0
    );
    for (title, lines) in sections {
        let _ = writeln!(out, "### {title}: {} of {}\n", lines.len(), against.len());
        let lines = if lines.is_empty() { "Nowhere.".to_string() } else { lines.join("\n") };
        let _ = writeln!(out, "{lines}\n");
    }
}

fn write_table(out: &mut String, results: &Results, standings: &[Standing<'_>]) {
    out.push_str(
        "## All figures\n\nThe best of all but the floor is bold; what is empty the peer does not have, or could not.\n\n",
    );
    let columns: Vec<&String> = results.columns().collect();
    let names = columns.iter().map(|column| column.as_str()).collect::<Vec<_>>().join(" | ");
    let _ = writeln!(out, "| | unit | {names} | × floor | × best peer |");
    let _ = writeln!(out, "|---|---|{}---|---|", "---|".repeat(columns.len()));
    for standing in standings {
        let Standing { play, figure, ours, .. } = standing;
        let value = |column: &str| {
            let label = if column == OURSELVES { ours } else { column };
            results.value(play, label, figure).map(|spread| spread.median)
        };
        let contestants = columns.iter().filter(|column| **column != FLOOR).filter_map(|column| value(column));
        let better = if figure.more_is_better { f64::max } else { f64::min };
        let best = contestants.reduce(better);
        let cell = |column: &&String| match value(column) {
            None => String::new(),
            value if value == best && **column != FLOOR => format!("**{}**", number(value.unwrap_or(f64::NAN))),
            Some(value) => number(value),
        };
        let cells = columns.iter().map(cell).collect::<Vec<_>>().join(" | ");
        let ratio = |ratio: Option<Spread>| ratio.map_or(String::new(), |ratio| number(ratio.median));
        let name = ours.strip_prefix(OURSELVES).unwrap_or_default();
        let (to_floor, to_best) = (ratio(standing.to_floor), ratio(standing.to_best.map(|(_, ratio)| ratio)));
        let _ = writeln!(out, "| {}{name} | {} | {cells} | {to_floor} | {to_best} |", titled(play, figure), figure.unit);
    }
    out.push('\n');
}

fn write_plots(out: &mut String) {
    out.push_str(
        "## Plots\n\n\
         Cost beside wakeline's, a line for each play: what lies left of the line at 1 is cheaper than wakeline.\n\n\
         ![Cost of every peer by wakeline's](plots/standing.svg)\n\n\
         Cost by the floor's, with the extremes of the rounds; where there is no floor, by the best peer's.\n\n\
         ![Cost by the floor's](plots/ratios.svg)\n\n\
         A yield among more and more tasks, and a request with more and more connections.\n\n\
         ![Growth with the number of tasks and of connections](plots/growth.svg)\n\n\
         Timers: how late half of them wake, against what all of them cost. Better is left and down.\n\n\
         ![Lateness of timers against CPU time](plots/timers.svg)\n\n",
    );
}

fn write_instructions(out: &mut String, results: &Results) {
    if !results.has_instructions() {
        return;
    }
    out.push_str("## Instructions\n\nUser-mode instructions of an operation, counted by valgrind; what the kernel does is not in them.\n\n");
    let columns: Vec<&String> = results.columns().collect();
    let names = columns.iter().map(|column| column.as_str()).collect::<Vec<_>>().join(" | ");
    let _ = writeln!(out, "| | {names} |\n|---|{}", "---|".repeat(columns.len()));
    for play in results.plays() {
        let count = |column: &&String| results.instructions(play, column);
        if columns.iter().any(|column| count(column).is_some()) {
            let cells: Vec<String> = columns.iter().map(|column| count(column).map_or(String::new(), number)).collect();
            let _ = writeln!(out, "| {} | {} |", play.title, cells.join(" | "));
        }
    }
    out.push('\n');
}

fn write_spread(out: &mut String, results: &Results) {
    out.push_str(
        "## Spread\n\n<details><summary>Every figure with its least and most, and its ratio to the floor's</summary>\n\n",
    );
    out.push_str("| | who | unit | median | least | most | × floor | least | most |\n|---|---|---|---|---|---|---|---|---|\n");
    for play in results.plays() {
        for figure in play.figures {
            for label in results.labels() {
                let Some(value) = results.value(play, label, figure) else { continue };
                let ratio = results.ratio(play, figure, label, FLOOR).filter(|_| label != FLOOR);
                let ratios = ratio.map_or(" | | ".to_string(), |ratio| {
                    format!("{} | {} | {}", number(ratio.median), number(ratio.least), number(ratio.most))
                });
                let (median, least, most) = (number(value.median), number(value.least), number(value.most));
                let title = titled(play, figure);
                let _ = writeln!(out, "| {title} | {label} | {} | {median} | {least} | {most} | {ratios} |", figure.unit);
            }
        }
    }
    out.push_str("\n</details>\n\n");
}

fn write_failures(out: &mut String, head: &Head, results: &Results) {
    out.push_str("## What could not run here\n\n");
    let failures = results.failures();
    if head.missing.is_empty() && failures.is_empty() {
        out.push_str("Everything that a peer has ran.\n");
    }
    for (program, reason) in &head.missing {
        let _ = writeln!(out, "- {program} could not run here: {reason}");
    }
    for (label, play, reason) in failures {
        let _ = writeln!(out, "- {label}, {play}: could not run here: {reason}");
    }
    out.push('\n');
}

fn write_meanings(out: &mut String, results: &Results) {
    out.push_str("## What is played\n\n| | |\n|---|---|\n");
    for play in results.plays() {
        let _ = writeln!(out, "| {} | {} |", play.title, play.what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PLAYS;

    fn results(ours: f64, peer: f64, title: &str) -> (Results, &'static Play) {
        let play = PLAYS.iter().find(|play| play.title == title).unwrap();
        let mut results = Results::new(["floor", "wakeline", "tokio"].map(String::from).to_vec());
        for (label, value) in [("wakeline", ours), ("tokio", peer)] {
            let figures = play.figures.iter().map(|figure| (figure.name.to_string(), value)).collect();
            results.add(play, label, 0, Ok(figures));
        }
        (results, play)
    }

    fn verdicts(results: &Results) -> String {
        let mut out = String::new();
        write_verdicts(&mut out, &standings(results));
        out
    }

    #[test]
    fn a_loss_is_said_as_plainly_as_a_lead() {
        let (lost, _) = results(20.0, 10.0, "spawn_join");
        assert!(verdicts(&lost).contains("### Where wakeline loses: 1 of 1\n\n- spawn_join: 2.00 × tokio (2.00–2.00)"));
        let (led, _) = results(5.0, 10.0, "spawn_join");
        assert!(verdicts(&led).contains("### Where it leads in every round: 1 of 1\n\n- spawn_join: 0.50 × tokio"));
        let (level, _) = results(10.2, 10.0, "spawn_join");
        assert!(
            verdicts(&level)
                .contains("### Where it is level, or does not lead in every round: 1 of 1\n\n- spawn_join: 1.02 × tokio")
        );
    }

    #[test]
    fn a_lead_that_is_none_in_some_round_is_not_called_one() {
        let (mut results, play) = results(5.0, 10.0, "spawn_join");
        for (round, ours) in [(1, 6.0), (2, 11.0)] {
            for (label, value) in [("wakeline", ours), ("tokio", 10.0)] {
                results.add(play, label, round, Ok([("ns".to_string(), value)].into()));
            }
        }
        let level = "### Where it is level, or does not lead in every round: 1 of 1\n\n- spawn_join: 0.60 × tokio (0.50–1.10)";
        assert!(verdicts(&results).contains(level));
    }

    #[test]
    fn more_throughput_is_less_cost() {
        let (results, play) = results(20.0, 10.0, "wake_flood");
        let throughput = &play.figures[1];
        assert!(throughput.more_is_better);
        assert_eq!(cost_ratio(&results, play, throughput, "wakeline", "tokio").unwrap().median, 0.5);
        assert_eq!(cost_ratio(&results, play, &play.figures[0], "wakeline", "tokio").unwrap().median, 2.0);
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        let numbers = [0.4, 6.666, 17.31, 109.4, 1234.5, 123_456.7, 1_234_567.0].map(number);
        assert_eq!(numbers, ["0.40", "6.67", "17.3", "109", "1234", "123 457", "1 234 567"]);
    }
}
