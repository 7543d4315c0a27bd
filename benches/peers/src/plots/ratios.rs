//! Bars of cost by the floor's, a panel for each play, with the extremes of the rounds.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Drawn, FAINT, INK, LogScale, color, short, text};
use crate::plan::{FLOOR, Play};
use crate::report::{cost_ratio, number, titled};
use crate::results::{Results, Spread};

const COLUMNS: usize = 3;
const PANEL: (i32, i32) = (330, 184);
const LEFT: i32 = 112;
const RIGHT: i32 = 282;
const TOP: i32 = 28;
const LINE: i32 = 15;

struct Panel {
    play: &'static Play,
    base: String,
    bars: Vec<(String, Spread)>,
}

/// The first figure of each play; its base is the floor, or the best peer where there is no floor.
fn panels(results: &Results) -> Vec<Panel> {
    let panel = |play: &'static Play| {
        let figure = &play.figures[0];
        let floor = results.value(play, FLOOR, figure).map(|_| FLOOR.to_string());
        let base = floor.or_else(|| results.best_peer(play, figure).map(|(label, _)| label.clone()))?;
        let ratio = |label: &String| Some((label.clone(), cost_ratio(results, play, figure, label, &base)?));
        let mut bars: Vec<_> = results.labels().iter().filter(|label| *label != FLOOR).filter_map(ratio).collect();
        bars.sort_by(|(_, one), (_, other)| one.median.total_cmp(&other.median));
        (!bars.is_empty()).then_some(Panel { play, base, bars })
    };
    results.plays().filter_map(panel).collect()
}

pub fn draw(results: &Results, path: &Path) -> Drawn {
    let panels = panels(results);
    let rows = panels.len().div_ceil(COLUMNS).max(1);
    let size = (PANEL.0 as u32 * COLUMNS as u32, PANEL.1 as u32 * rows as u32);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, panel) in root.split_evenly((rows, COLUMNS)).iter().zip(&panels) {
        draw_panel(area, panel)?;
    }
    Ok(root.present()?)
}

/// Bars begin at the cheaper of the base and the cheapest, as a logarithm has no zero.
fn draw_panel(area: &DrawingArea<SVGBackend<'_>, Shift>, panel: &Panel) -> Drawn {
    let bottom = TOP + LINE * panel.bars.len() as i32;
    let ends = panel.bars.iter().flat_map(|(_, ratio)| [ratio.least, ratio.most]);
    let scale = LogScale::over(ends.chain([1.0]), LEFT, RIGHT);
    area.draw(&Text::new(format!("{}, × {}", titled(panel.play, &panel.play.figures[0]), panel.base), (10, 8), text(12)))?;
    for tick in scale.ticks() {
        let x = scale.at(tick);
        area.draw(&PathElement::new([(x, TOP), (x, bottom)], FAINT))?;
        let centred = text(10).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(short(tick), (x, bottom + 3), centred))?;
    }
    for (line, (label, ratio)) in panel.bars.iter().enumerate() {
        let y = TOP + LINE * line as i32 + LINE / 2;
        let (least, median, most) = (scale.at(ratio.least), scale.at(ratio.median), scale.at(ratio.most));
        area.draw(&Text::new(label.clone(), (LEFT - 6, y), text(11).pos(Pos::new(HPos::Right, VPos::Center))))?;
        area.draw(&Rectangle::new([(LEFT, y - 5), (median.max(LEFT + 1), y + 5)], color(label).mix(0.85).filled()))?;
        area.draw(&PathElement::new([(least, y), (most, y)], INK))?;
        for end in [least, most] {
            area.draw(&PathElement::new([(end, y - 3), (end, y + 3)], INK))?;
        }
        let after = most.max(median) + 5;
        area.draw(&Text::new(number(ratio.median), (after, y), text(10).pos(Pos::new(HPos::Left, VPos::Center))))?;
    }
    let one = scale.at(1.0);
    Ok(area.draw(&PathElement::new([(one, TOP - 2), (one, bottom)], INK))?)
}
