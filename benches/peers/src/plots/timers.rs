//! Timers that fire: lateness against CPU time, one point for each subject, with the extremes of
//! the rounds.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Drawn, FAINT, LogScale, color, short, text};
use crate::results::{Results, Spread};

const SIZE: (u32, u32) = (720, 440);
const LEFT: i32 = 70;
const RIGHT: i32 = 650;
const TOP: i32 = 50;
const BOTTOM: i32 = 380;

struct Point {
    label: String,
    late: Spread,
    cpu: Spread,
}

fn points(results: &Results) -> Vec<Point> {
    let Some(play) = results.plays().find(|play| play.workload == "timer_fire") else { return Vec::new() };
    let figure = |name: &str| play.figures.iter().find(|figure| figure.name == name);
    let (Some(late), Some(cpu)) = (figure("p50_us"), figure("cpu_ms")) else { return Vec::new() };
    let point = |label: &String| {
        let (late, cpu) = (results.value(play, label, late)?, results.value(play, label, cpu)?);
        Some(Point { label: label.clone(), late, cpu })
    };
    results.labels().iter().filter_map(point).collect()
}

pub fn draw(results: &Results, path: &Path) -> Drawn {
    let points = points(results);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let across = LogScale::over(points.iter().flat_map(|point| [point.late.least, point.late.most]), LEFT, RIGHT);
    let up = LogScale::over(points.iter().flat_map(|point| [point.cpu.least, point.cpu.most]), BOTTOM, TOP);
    root.draw(&Text::new("100 000 timers: how late half of them wake, and what all of them cost", (20, 14), text(16)))?;
    for tick in across.ticks() {
        let x = across.at(tick);
        root.draw(&PathElement::new([(x, TOP), (x, BOTTOM)], FAINT))?;
        root.draw(&Text::new(short(tick), (x, BOTTOM + 6), text(12).pos(Pos::new(HPos::Center, VPos::Top))))?;
    }
    for tick in up.ticks() {
        let y = up.at(tick);
        root.draw(&PathElement::new([(LEFT, y), (RIGHT, y)], FAINT))?;
        root.draw(&Text::new(short(tick), (LEFT - 6, y), text(12).pos(Pos::new(HPos::Right, VPos::Center))))?;
    }
    root.draw(&Text::new("median lateness, µs", (RIGHT - 120, BOTTOM + 26), text(13)))?;
    root.draw(&Text::new("CPU time, ms", (20, TOP - 14), text(13)))?;
    for Point { label, late, cpu } in &points {
        let (x, y, style) = (across.at(late.median), up.at(cpu.median), color(label));
        root.draw(&PathElement::new([(across.at(late.least), y), (across.at(late.most), y)], style.mix(0.5)))?;
        root.draw(&PathElement::new([(x, up.at(cpu.least)), (x, up.at(cpu.most))], style.mix(0.5)))?;
        root.draw(&Circle::new((x, y), 6, style.filled()))?;
        root.draw(&Text::new(label.clone(), (x + 10, y - 16), text(13)))?;
    }
    Ok(root.present()?)
}
