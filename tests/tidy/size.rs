//! Files, functions and comments stay readable, and nothing is left for later.

use std::collections::BTreeMap;

use super::documents::{repository, rust_files};
use super::{assert_none, root, sources};

const LONG_FILE: usize = 400;
const LONG_FUNCTION: usize = 60;
const LONG_COMMENT: usize = 100;
/// Conditions on the build that a room may have for each thousand lines; a small room may have as
/// many. They are for platforms, features and models: those for tests and documents do not count.
const CONDITIONS: usize = 6;

#[test]
fn files_stay_short() {
    let mut files = Vec::new();
    rust_files(&root(), &mut files);
    let long = files.iter().map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > LONG_FILE);
    let wrong: Vec<_> = long.map(|(path, lines)| format!("{path}: {lines} lines")).collect();
    assert_none("files over 400 lines", &wrong);
}

#[test]
fn functions_stay_short() {
    let mut wrong = Vec::new();
    for source in sources() {
        let code: Vec<_> = source.code().collect();
        for (index, (number, line)) in code.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let is_function = line.trim_start().split("fn ").next().is_some_and(|before| {
                line.contains("fn ") && before.split_whitespace().all(|word| word.starts_with("pub") || is_qualifier(word))
            });
            if !is_function || line.trim_end().ends_with(';') || line.trim_end().ends_with('}') {
                continue;
            }
            // rustfmt closes a function with a brace at the depth where it began.
            let end = code[index..].iter().position(|(_, line)| line.trim_end() == format!("{:indent$}}}", ""));
            let length = end.map_or(0, |end| end + 1);
            if length > LONG_FUNCTION {
                wrong.push(format!("{}:{number}: {length} lines", source.path));
            }
        }
    }
    assert_none("functions over 60 lines", &wrong);
}

fn is_qualifier(word: &str) -> bool {
    matches!(word, "const" | "async" | "unsafe" | "extern" | "\"C\"" | "safe" | "in" | "crate::task)" | "crate::executor)")
}

/// Does the line ask how the crate is built, and not only whether it is tested or documented?
fn is_condition(code: &str) -> bool {
    let asks = ["#[cfg(", "#![cfg(", "cfg_attr(", "cfg!("].iter().any(|form| code.contains(form));
    asks && !["cfg(test)", "cfg(all(test", "cfg(doc)", "cfg(doctest)"].iter().any(|form| code.contains(form))
}

#[test]
fn each_room_has_few_conditions_on_the_build() {
    let mut rooms: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for source in sources() {
        let (conditions, lines) = rooms.entry(source.room().to_string()).or_default();
        *conditions += source.code().filter(|(_, code)| is_condition(code)).count();
        *lines += source.lines.len();
    }
    let mut wrong = Vec::new();
    for (room, (conditions, lines)) in rooms {
        let figure =
            format!("{room}: {conditions} in {lines} lines, {:.1} for a thousand", 1e3 * conditions as f64 / lines as f64);
        println!("{figure}");
        if conditions > CONDITIONS.max(CONDITIONS * lines / 1000) {
            wrong.push(figure);
        }
    }
    assert_none("rooms with more than 6 conditions on the build for a thousand lines", &wrong);
}

/// The numbers of the comment lines that are too long. Code in documents, drawings and the rows of
/// tables are as wide as they are.
fn long_comments(text: &str) -> Vec<usize> {
    let (mut long, mut is_fenced) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            is_fenced = false;
            continue;
        };
        let words = comment.trim_start_matches(['/', '!']).trim_start();
        if words.starts_with("```") {
            is_fenced = !is_fenced;
        }
        if !is_fenced && !words.starts_with('|') && line.chars().count() > LONG_COMMENT {
            long.push(index + 1);
        }
    }
    long
}

#[test]
fn comments_end_at_column_100() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "loom-tests", "examples", "benches"] {
        rust_files(&repository().join(folder), &mut files);
    }
    let long = |(path, text): &(String, String)| -> Vec<String> {
        long_comments(text).into_iter().map(|line| format!("{path}:{line}")).collect()
    };
    assert_none("comment lines over 100 columns", &files.iter().flat_map(long).collect::<Vec<_>>());
}

#[test]
fn every_module_opens_with_what_it_is() {
    let sources = sources();
    let silent = sources.iter().filter(|source| !source.lines.first().is_some_and(|line| line.starts_with("//! ")));
    assert_none("modules without a first sentence", &silent.map(|source| source.path.clone()).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later_and_no_code_sleeps_in_comments() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (index, line) in source.lines.iter().enumerate() {
            let place = format!("{}:{}", source.path, index + 1);
            if ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!("].iter().any(|word| line.contains(word)) {
                wrong.push(format!("{place}: left for later"));
            }
            let Some(comment) = line.trim_start().strip_prefix("// ") else { continue };
            let keyword = comment.split_whitespace().next().unwrap_or_default();
            let statement = comment.ends_with(';') || comment.ends_with('{');
            let call = comment.ends_with(");") && !comment.contains(' ');
            if (statement && ["let", "use", "fn", "pub", "impl", "mod", "return", "match", "self."].contains(&keyword))
                || call
                || comment == "}"
                || comment.starts_with("#[")
            {
                wrong.push(format!("{place}: {comment}"));
            }
        }
    }
    assert_none("dirt", &wrong);
}

#[test]
fn the_checks_of_size_see_what_they_look_for() {
    let conditions = ["#[cfg(unix)]", "if cfg!(windows) {", "#[cfg_attr(x, y)]", "#[cfg(test)]", "#[cfg(all(test, x))]", "cfg"];
    assert_eq!(conditions.map(is_condition), [true, true, true, false, false, false]);
    let long = "x".repeat(100);
    let text = format!("// {long}\n/// | {long}\n/// ```\n/// {long}\n/// ```\n//! {long}\n{long}\n// short");
    assert_eq!(long_comments(&text), [1, 6]);
}
