//! Every peer beside wakeline: a line for each play, a dot for each subject, wakeline at 1.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Drawn, FAINT, INK, LogScale, color, short, text};
use crate::plan::{Figure, OURSELVES, Play};
use crate::report::cost_ratio;
use crate::results::Results;

const WIDTH: i32 = 900;
const LEFT: i32 = 205;
const RIGHT: i32 = 870;
const TOP: i32 = 82;
const LINE: i32 = 21;

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
        let dots: Vec<_> = results.columns().filter(|label| *label != OURSELVES).filter_map(cost).collect();
        let of = if figure.of.is_empty() || figures(play).len() == 1 { String::new() } else { format!(", {}", figure.of) };
        Row { title: format!("{}{of}", play.title), dots }
    };
    let plays = results.plays().flat_map(|play| figures(play).iter().map(move |figure| (play, figure)));
    plays.map(|(play, figure)| row(play, figure)).filter(|row| !row.dots.is_empty()).collect()
}

pub fn draw(results: &Results, path: &Path) -> Drawn {
    let rows = rows(results);
    let bottom = TOP + LINE * rows.len() as i32;
    let root = SVGBackend::new(path, (WIDTH as u32, (bottom + 34) as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let scale = LogScale::over(rows.iter().flat_map(|row| row.dots.iter().map(|dot| dot.1)).chain([1.0]), LEFT, RIGHT);
    let centred = text(12).pos(Pos::new(HPos::Center, VPos::Center));
    root.draw(&Text::new("Cost by wakeline's: left of 1 is cheaper than wakeline, right of it dearer", (20, 14), text(16)))?;
    let mut at = LEFT;
    for label in results.columns() {
        root.draw(&Circle::new((at, 52), 5, color(label).filled()))?;
        root.draw(&Text::new(label.clone(), (at + 10, 46), text(13)))?;
        at += 24 + 7 * label.len() as i32;
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
        for (label, cost) in &row.dots {
            root.draw(&Circle::new((scale.at(*cost), y), 5, color(label).mix(0.85).filled()))?;
        }
        root.draw(&Circle::new((one, y), 5, color(OURSELVES).filled()))?;
    }
    Ok(root.present()?)
}
