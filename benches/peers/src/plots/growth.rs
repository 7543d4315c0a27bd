//! What a yield costs among more and more tasks; both axes are logarithms.

use std::path::Path;

use plotters::prelude::*;

use super::{Drawn, FAINT, INK, color, text};
use crate::plan::{Kind, OURSELVES};
use crate::results::Results;

/// Label, and tasks with nanoseconds.
type Line = (String, Vec<(f64, f64)>);

fn lines(results: &Results) -> Vec<Line> {
    let line = |label: &String| {
        let point = |tasks: u64, value: f64| (tasks as f64, value);
        let points = results.plays().filter_map(|play| match play.kind {
            Kind::Sized(tasks) => Some(point(tasks, results.value(play, label, &play.figures[0])?.median)),
            _ => None,
        });
        (label.clone(), points.collect::<Vec<_>>())
    };
    results.columns().map(line).filter(|(_, points)| !points.is_empty()).collect()
}

pub fn draw(results: &Results, path: &Path) -> Drawn {
    let lines = lines(results);
    let root = SVGBackend::new(path, (720, 440)).into_drawing_area();
    root.fill(&WHITE)?;
    let all = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    let least = all().map(|(_, ns)| ns).fold(10.0, f64::min) / 1.3;
    let most = all().map(|(_, ns)| ns).fold(10.0, f64::max) * 1.3;
    let mut chart = ChartBuilder::on(&root)
        .caption("Nanoseconds of a yield among so many tasks", text(16))
        .margin(14)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d((80.0..1_300_000.0).log_scale(), (least..most).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("tasks")
        .y_desc("ns")
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|tasks| format!("{tasks:.0}"))
        .y_label_formatter(&|ns| format!("{ns:.0}"))
        .label_style(text(12))
        .draw()?;
    for (label, points) in &lines {
        let width = if label == OURSELVES { 3 } else { 1 };
        let style = color(label).stroke_width(width);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?
            .label(label.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    let labels = &mut chart.configure_series_labels();
    labels.position(SeriesLabelPosition::UpperLeft).label_font(text(12)).background_style(WHITE.mix(0.8));
    labels.border_style(INK.mix(0.2)).draw()?;
    Ok(root.present()?)
}
