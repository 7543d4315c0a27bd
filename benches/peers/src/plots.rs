//! The plots — own their layout and colours — must never choose what is flattering.

use std::path::Path;

use plotters::prelude::*;

use crate::plan::{FLOOR, OURSELVES};
use crate::results::Results;

mod growth;
mod ratios;
mod standing;
mod timers;

/// What drawing to a file may say.
type Drawn = Result<(), Box<dyn std::error::Error>>;

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(34, 34, 34);
const FAINT: RGBColor = RGBColor(208, 208, 208);

/// All plots, each a file of its own.
pub fn draw(results: &Results, folder: &Path) -> Drawn {
    standing::draw(results, &folder.join("standing.svg"))?;
    ratios::draw(results, &folder.join("ratios.svg"))?;
    growth::draw(results, &folder.join("growth.svg"))?;
    timers::draw(results, &folder.join("timers.svg"))
}

/// The same for a subject in every plot; those of Okabe and Ito, which can be told apart without
/// seeing colours well.
fn color(label: &str) -> RGBColor {
    match label.split(", ").next().unwrap_or_default() {
        OURSELVES => RGBColor(213, 40, 30),
        FLOOR => RGBColor(120, 120, 120),
        "tokio" => RGBColor(0, 90, 178),
        "smol" => RGBColor(0, 158, 115),
        "futures" => RGBColor(204, 121, 167),
        "monoio" => RGBColor(230, 159, 0),
        "glommio" => RGBColor(86, 180, 233),
        "compio" => RGBColor(140, 86, 75),
        _ => RGBColor(90, 60, 160),
    }
}

fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

/// A scale of pixels over the logarithm of a value.
#[derive(Clone, Copy)]
struct LogScale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl LogScale {
    /// Holds all values, with some air; the pixels are those where the ends lie.
    fn over(values: impl Iterator<Item = f64>, from: i32, to: i32) -> Self {
        let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low / 1.15, high * 1.15) } else { (0.5, 2.0) };
        Self { low: low.ln(), high: high.ln(), from: from.into(), to: to.into() }
    }

    fn at(&self, value: f64) -> i32 {
        let part = (value.ln() - self.low) / (self.high - self.low);
        (self.from + part.clamp(0.0, 1.0) * (self.to - self.from)).round() as i32
    }

    /// The round numbers that lie on it; the fewer of a decade, the more decades.
    fn ticks(&self) -> Vec<f64> {
        let decades = (self.high - self.low) / std::f64::consts::LN_10;
        let steps: &[f64] = match decades {
            2.5.. => &[1.0],
            0.8.. => &[1.0, 2.0, 5.0],
            _ => &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
        };
        let all = (-4..9).flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
        all.filter(|tick| (self.low..=self.high).contains(&tick.ln())).collect()
    }
}

/// `0.5`, `2`, `1000`: as short as it can be.
fn short(value: f64) -> String {
    let written = format!("{value:.4}");
    written.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_holds_its_values_and_its_ticks() {
        let scale = LogScale::over([0.5, 40.0].into_iter(), 100, 300);
        assert!(scale.at(0.5) > 100 && scale.at(40.0) < 300 && scale.at(0.5) < scale.at(40.0));
        assert_eq!(scale.ticks(), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!([0.5, 2.0, 1000.0].map(short), ["0.5", "2", "1000"]);
    }

    #[test]
    fn a_scale_of_nothing_is_still_a_scale() {
        let scale = LogScale::over(std::iter::empty(), 0, 100);
        assert_eq!(scale.at(1.0), 50);
    }
}
