//! Tables and verdicts on standard output — owns no figure — must never round a missed goal
//! into a reached one.

/// Prints rows under a header, each column as wide as its widest cell, the first one flush left.
pub fn print(header: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &[String]| {
        let mut out = String::new();
        for (column, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
            if column == 0 {
                out.push_str(&format!("{cell:<width$}"));
            } else {
                out.push_str(&format!("  {cell:>width$}"));
            }
        }
        println!("{}", out.trim_end());
    };
    line(&header.iter().map(|cell| cell.to_string()).collect::<Vec<_>>());
    for row in rows {
        line(row);
    }
}

/// Prints whether `value` is at most `limit`.
pub fn at_most(what: &str, value: f64, limit: f64) {
    verdict(what, value, "<=", limit, value <= limit);
}

/// Prints whether `value` is at least `limit`.
pub fn at_least(what: &str, value: f64, limit: f64) {
    verdict(what, value, ">=", limit, value >= limit);
}

fn verdict(what: &str, value: f64, sign: &str, limit: f64, reached: bool) {
    println!("{}: {what}: {value:.3} (goal {sign} {limit})", if reached { "reached" } else { "MISSED" });
}
