//! What an operation costs among more and more others; both axes are logarithms.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Drawn, FAINT, color, text};
use crate::plan::{Kind, OURSELVES};
use crate::results::Results;

/// Label, and points of a number with nanoseconds.
type Line = (String, Vec<(f64, f64)>);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const PANEL: (u32, u32) = (760, 400);

fn lines(results: &Results, among: fn(Kind) -> Option<u64>) -> Vec<Line> {
    let line = |label: &String| {
        let point = |tasks: u64, value: f64| (tasks as f64, value);
        let points = results
            .plays()
            .filter_map(|play| Some(point(among(play.kind)?, results.value(play, label, &play.figures[0])?.median)));
        (label.clone(), points.collect::<Vec<_>>())
    };
    results.columns().map(line).filter(|(_, points)| !points.is_empty()).collect()
}

fn tasks(kind: Kind) -> Option<u64> {
    if let Kind::Sized(tasks) = kind { Some(tasks) } else { None }
}

fn connections(kind: Kind) -> Option<u64> {
    if let Kind::Echo(connections) = kind { Some(connections as u64) } else { None }
}

pub fn draw(results: &Results, path: &Path) -> Drawn {
    let root = SVGBackend::new(path, (PANEL.0, 2 * PANEL.1)).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, below) = root.split_vertically(PANEL.1);
    draw_panel(&above, "CPU time of a yield among so many tasks", "tasks", &lines(results, tasks))?;
    let title = "CPU time of the server for a request, with so many connections";
    draw_panel(&below, title, "connections", &lines(results, connections))?;
    Ok(root.present()?)
}

fn draw_panel(area: &Area<'_>, title: &str, among: &str, lines: &[Line]) -> Drawn {
    let all = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    if all().next().is_none() {
        return Ok(());
    }
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        (low / 1.3..high * 1.3).log_scale()
    };
    let (left, right) = area.split_horizontally(PANEL.0 - 100);
    let mut chart = ChartBuilder::on(&left)
        .caption(title, text(16))
        .margin(14)
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d(range(&mut all().map(|point| point.0)), range(&mut all().map(|point| point.1)))?;
    chart
        .configure_mesh()
        .x_desc(among)
        .y_desc("ns")
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|number| format!("{number:.0}"))
        .y_label_formatter(&|ns| format!("{ns:.0}"))
        .label_style(text(12))
        .draw()?;
    for (label, points) in lines {
        let width = if label == OURSELVES { 3 } else { 1 };
        let style = color(label).stroke_width(width);
        chart.draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?;
    }
    // In the order of the ends of the lines, the dearest above.
    let mut ends: Vec<_> = lines.iter().filter_map(|(label, points)| Some((label, points.last()?.1))).collect();
    ends.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    for (line, (label, _)) in ends.iter().enumerate() {
        let y = 60 + 20 * line as i32;
        right.draw(&PathElement::new([(0, y), (18, y)], color(label).stroke_width(3)))?;
        right.draw(&Text::new((*label).clone(), (24, y - 7), text(12)))?;
    }
    Ok(())
}
