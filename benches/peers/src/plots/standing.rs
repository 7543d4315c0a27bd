//! Every peer beside wakeline: a line for each play, a dot for each subject, wakeline at 1.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Drawn, FAINT, INK, LogScale, color, short, text};
use crate::plan::{Figure, OURSELVES, Play};
use crate::report::cost_ratio;
use crate::results::Results;

const WIDTH: i32 = 900;
const LEFT: i32 = 175;
const RIGHT: i32 = 870;
const TOP: i32 = 82;
const LINE: i32 = 25;

/// Dots that are closer hide each other.
const DOT: i32 = 8;

/// All of them have one ring in the key.
const VARIANTS: &str = "wakeline, otherwise set";

struct Row {
    title: String,
    /// Label and cost by wakeline's.
    dots: Vec<(String, f64)>,
}

/// The first figure of each play, and all three of the timers: there is no one figure of those.
fn rows(results: &Results) -> Vec<Row> {
    let figures = |play: &'static Play| if play.workload == "timer_fire" { play.figures } else { &play.figures[..1] };
    let row = |play: &'static Play, figure: &'static Figure| {
        let cost = |label: &String| Some((label.clone(), cost_ratio(results, play, figure, label, OURSELVES)?.median));
        let dots: Vec<_> = results.labels().iter().filter(|label| *label != OURSELVES).filter_map(cost).collect();
        let of = if figure.of.is_empty() || figures(play).len() == 1 { String::new() } else { format!(", {}", figure.of) };
        Row { title: format!("{}{of}", play.title), dots }
    };
    let plays = results.plays().flat_map(|play| figures(play).iter().map(move |figure| (play, figure)));
    plays.map(|(play, figure)| row(play, figure)).filter(|row| !row.dots.is_empty()).collect()
}

/// Full for a program, a ring for a variant of ours.
fn dot(label: &str, at: (i32, i32)) -> Circle<(i32, i32), i32> {
    let ring: ShapeStyle = color(label).stroke_width(2);
    let full: ShapeStyle = color(label).mix(0.9).filled();
    if label.contains(", ") { Circle::new(at, 4, ring) } else { Circle::new(at, 5, full) }
}

/// Dots that would hide each other lie one above the other: with each its offset from the line.
fn spread<'a>(dots: impl Iterator<Item = (&'a str, i32)>) -> Vec<(&'a str, i32, i32)> {
    let mut dots: Vec<_> = dots.collect();
    dots.sort_by_key(|&(_, x)| x);
    // The end of what lies at each offset.
    let mut taken = [(0, i32::MIN), (-6, i32::MIN), (6, i32::MIN)];
    let place = |(label, x)| {
        let at = (0..taken.len()).find(|&at| x > taken[at].1).unwrap_or(0);
        taken[at].1 = x + DOT;
        (label, x, taken[at].0)
    };
    dots.into_iter().map(place).collect()
}

pub fn draw(results: &Results, path: &Path) -> Drawn {
    let rows = rows(results);
    let bottom = TOP + LINE * rows.len() as i32;
    let root = SVGBackend::new(path, (WIDTH as u32, (bottom + 34) as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let scale = LogScale::over(rows.iter().flat_map(|row| row.dots.iter().map(|dot| dot.1)).chain([1.0]), LEFT, RIGHT);
    let centred = text(12).pos(Pos::new(HPos::Center, VPos::Center));
    root.draw(&Text::new("Cost by wakeline's: left of 1 is cheaper than wakeline, right of it dearer", (20, 14), text(16)))?;
    let mut at = 26;
    let variants = results.ours().any(|label| label != OURSELVES).then_some(VARIANTS);
    for label in results.columns().map(String::as_str).chain(variants) {
        root.draw(&dot(label, (at, 52)))?;
        root.draw(&Text::new(label, (at + 10, 46), text(13)))?;
        at += 22 + 7 * label.chars().count() as i32;
    }
    for tick in scale.ticks() {
        let x = scale.at(tick);
        root.draw(&PathElement::new([(x, TOP), (x, bottom)], FAINT))?;
        root.draw(&Text::new(short(tick), (x, bottom + 14), centred.clone()))?;
    }
    let one = scale.at(1.0);
    root.draw(&PathElement::new([(one, TOP - 6), (one, bottom)], color(OURSELVES).stroke_width(2)))?;
    for (number, row) in rows.iter().enumerate() {
        let y = TOP + LINE * number as i32 + LINE / 2;
        let titles = text(13).pos(Pos::new(HPos::Right, VPos::Center));
        root.draw(&Text::new(row.title.clone(), (LEFT - 12, y), titles))?;
        let ends = row.dots.iter().map(|dot| scale.at(dot.1)).chain([one]);
        let (first, last) = ends.fold((one, one), |(first, last), x| (first.min(x), last.max(x)));
        root.draw(&PathElement::new([(first, y), (last, y)], INK.mix(0.25)))?;
        for (label, x, off) in spread(row.dots.iter().map(|(label, cost)| (label.as_str(), scale.at(*cost)))) {
            root.draw(&dot(label, (x, y + off)))?;
        }
    }
    Ok(root.present()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_that_would_hide_each_other_lie_one_above_the_other() {
        let spread = spread([("c", 103), ("a", 100), ("b", 101), ("d", 120)].into_iter());
        assert_eq!(spread, [("a", 100, 0), ("b", 101, -6), ("c", 103, 6), ("d", 120, 0)]);
    }
}
