//! What came of it — owns every turn's figures and the counts — must never mix two rounds in one
//! ratio.

use std::collections::BTreeMap;

use play::rounds::median;

use crate::plan::{FLOOR, Figure, OURSELVES, PLAYS, Play};
use crate::turn::Figures;

/// A value with the extremes that were seen of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    fn of(values: Vec<f64>) -> Option<Self> {
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        Some(Self { median: median(values), least, most })
    }
}

/// All turns of one subject in one play, one for each round.
type Rounds = BTreeMap<usize, Result<Figures, String>>;

#[derive(Default)]
pub struct Results {
    /// By the play's title and the subject's label.
    turns: BTreeMap<(&'static str, String), Rounds>,
    instructions: BTreeMap<(&'static str, String), Result<f64, String>>,
    /// In the order of the tables; those that have played.
    labels: Vec<String>,
}

impl Results {
    pub fn new(labels: Vec<String>) -> Self {
        Self { labels, ..Self::default() }
    }

    pub fn add(&mut self, play: &Play, label: &str, round: usize, figures: Result<Figures, String>) {
        self.turns.entry((play.title, label.to_string())).or_default().insert(round, figures);
    }

    pub fn count(&mut self, play: &Play, label: &str, count: Result<f64, String>) {
        self.instructions.insert((play.title, label.to_string()), count);
    }

    /// Has it failed in this play?
    pub fn failed(&self, play: &Play, label: &str) -> bool {
        self.rounds(play, label).is_some_and(|rounds| rounds.values().any(Result::is_err))
    }

    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Floor, wakeline and the peers: those that a table has a column for.
    pub fn columns(&self) -> impl Iterator<Item = &String> {
        self.labels.iter().filter(|label| !is_variant(label))
    }

    /// wakeline and its variants.
    pub fn ours(&self) -> impl Iterator<Item = &String> {
        self.labels.iter().filter(|label| *label == OURSELVES || is_variant(label))
    }

    /// Plays that somebody has played.
    pub fn plays(&self) -> impl Iterator<Item = &'static Play> {
        PLAYS.iter().filter(|play| self.turns.keys().any(|(title, _)| *title == play.title))
    }

    fn rounds(&self, play: &Play, label: &str) -> Option<&Rounds> {
        self.turns.get(&(play.title, label.to_string()))
    }

    fn in_round(&self, play: &Play, label: &str, figure: &Figure, round: usize) -> Option<f64> {
        self.rounds(play, label)?.get(&round)?.as_ref().ok()?.get(figure.name).copied()
    }

    pub fn value(&self, play: &Play, label: &str, figure: &Figure) -> Option<Spread> {
        let rounds = self.rounds(play, label)?;
        Spread::of(rounds.keys().filter_map(|&round| self.in_round(play, label, figure, round)).collect())
    }

    /// Ratios of the two in each round that both have played.
    pub fn ratio(&self, play: &Play, figure: &Figure, label: &str, base: &str) -> Option<Spread> {
        let of = |&round: &usize| Some(self.in_round(play, label, figure, round)? / self.in_round(play, base, figure, round)?);
        Spread::of(self.rounds(play, label)?.keys().filter_map(of).filter(|ratio| ratio.is_finite()).collect())
    }

    /// The peer with the best median; neither the floor nor one of ours is a peer.
    pub fn best_peer(&self, play: &Play, figure: &Figure) -> Option<(&String, Spread)> {
        let peers = self.columns().filter(|label| *label != FLOOR && *label != OURSELVES);
        let values = peers.filter_map(|label| Some((label, self.value(play, label, figure)?)));
        let ahead = |one: &Spread| if figure.more_is_better { -one.median } else { one.median };
        values.min_by(|(_, one), (_, other)| ahead(one).total_cmp(&ahead(other)))
    }

    pub fn instructions(&self, play: &Play, label: &str) -> Option<f64> {
        self.instructions.get(&(play.title, label.to_string()))?.as_ref().ok().copied()
    }

    pub fn has_instructions(&self) -> bool {
        self.instructions.values().any(Result::is_ok)
    }

    /// Subject, play and reason of everything that failed, turns and counts.
    pub fn failures(&self) -> Vec<(&str, &str, &str)> {
        let turns = self.turns.iter().filter_map(|((play, label), rounds)| {
            let error = rounds.values().find_map(|round| round.as_ref().err())?;
            Some((label.as_str(), *play, error.as_str()))
        });
        let counts = self
            .instructions
            .iter()
            .filter_map(|((play, label), count)| count.as_ref().err().map(|error| (label.as_str(), *play, error.as_str())));
        let mut failures: Vec<_> = turns.chain(counts).collect();
        failures.sort_unstable();
        failures
    }
}

fn is_variant(label: &str) -> bool {
    label.contains(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let mut results = Results::new(["floor", "wakeline", "tokio", "smol"].map(String::from).to_vec());
        let figures = |value: f64| Ok([("ns".to_string(), value)].into());
        for (round, values) in [[1.0, 2.0, 8.0, 4.0], [2.0, 6.0, 8.0, 20.0], [1.0, 3.0, 8.0, 5.0]].iter().enumerate() {
            for (label, &value) in ["floor", "wakeline", "tokio", "smol"].iter().zip(values) {
                results.add(&PLAYS[0], label, round, figures(value));
            }
        }
        results
    }

    #[test]
    fn a_ratio_is_taken_in_each_round() {
        let (results, play) = (results(), &PLAYS[0]);
        let ratio = results.ratio(play, &play.figures[0], "wakeline", "floor");
        assert_eq!(ratio, Some(Spread { median: 3.0, least: 2.0, most: 3.0 }));
    }

    #[test]
    fn the_best_peer_is_neither_the_floor_nor_ourselves() {
        let (results, play) = (results(), &PLAYS[0]);
        let (label, value) = results.best_peer(play, &play.figures[0]).unwrap();
        assert_eq!((label.as_str(), value.median), ("smol", 5.0));
    }

    #[test]
    fn a_failure_is_kept_with_its_reason_and_gives_no_figure() {
        let (mut results, play) = (results(), &PLAYS[0]);
        results.add(play, "compio", 0, Err("no driver".to_string()));
        assert_eq!(results.failures(), [("compio", play.title, "no driver")]);
        assert_eq!(results.value(play, "compio", &play.figures[0]), None);
        assert!(results.failed(play, "compio") && !results.failed(play, "tokio"));
    }
}
