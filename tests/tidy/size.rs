//! Files and functions stay readable, and nothing is left for later.

use super::{assert_none, sources};

/// Files that may be longer than the rest, and why.
const LONG_FILES: [(&str, &str); 1] =
    [("task/cell.rs", "the layout and every function that touches a task's memory: the unsafe code's one home")];
const LONG_FILE: usize = 400;
const LONG_FUNCTION: usize = 60;

#[test]
fn files_stay_short() {
    let mut wrong = Vec::new();
    let sources = sources();
    for source in &sources {
        let lines = source.lines.len();
        let excused = LONG_FILES.iter().any(|(path, _)| *path == source.path);
        if lines > LONG_FILE && !excused {
            wrong.push(format!("{}: {lines} lines", source.path));
        }
        if lines <= LONG_FILE && excused {
            wrong.push(format!("{}: needs no excuse any more", source.path));
        }
    }
    let gone = LONG_FILES.iter().filter(|(path, _)| sources.iter().all(|source| source.path != *path));
    wrong.extend(gone.map(|(path, _)| format!("{path}: excused and not there")));
    assert!(LONG_FILES.iter().all(|(_, reason)| reason.len() > 20), "an excuse is a sentence");
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
