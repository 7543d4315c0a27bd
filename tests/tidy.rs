//! The house rules that a machine can check: imports point down, dangers have homes and names,
//! files and functions stay readable.

use std::fs;
use std::path::{Path, PathBuf};

mod documents;
mod imports;
mod rings;
mod size;
mod unsafe_code;
mod words;

/// A file of `src`, without its unit tests.
struct Source {
    /// Relative to `src`.
    path: String,
    lines: Vec<String>,
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let tests = text.find("\n#[cfg(test)]\nmod tests {").unwrap_or(text.len());
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        Self { path: name, lines: text[..tests].lines().map(String::from).collect() }
    }

    /// `task` for `task.rs` and for `task/cell.rs`.
    fn room(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// The lines with their numbers, comments cut off.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().enumerate().map(|(index, line)| (index + 1, line.split("//").next().unwrap()))
    }

    fn comment(&self, line: usize) -> Option<&str> {
        self.lines[line].trim_start().strip_prefix("//")
    }

    /// Statements that begin with `use`, whole, with the line where each begins.
    fn imports(&self) -> Vec<(usize, String)> {
        let mut imports: Vec<(usize, String)> = Vec::new();
        let mut open = false;
        for (number, line) in self.code() {
            let line = line.trim();
            if open {
                imports.last_mut().unwrap().1.push_str(line);
            } else if line.starts_with("use ") || (line.starts_with("pub") && line.contains(" use ")) {
                imports.push((number, line.to_string()));
            } else {
                continue;
            }
            open = !line.ends_with(';');
        }
        imports
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    let (mut found, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
                found.push(Source::read(&path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 20, "the sources were not found");
    found
}

#[track_caller]
fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

fn lines_with(sources: &[Source], wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let of = |source: &Source| -> Vec<String> {
        source.code().filter(|(_, code)| wrong(code)).map(|(number, _)| format!("{}:{number}", source.path)).collect()
    };
    sources.iter().flat_map(of).collect()
}

#[test]
fn a_source_is_read_as_rooms_and_statements() {
    let text = Source { path: "task/x.rs".into(), lines: vec!["use crate::{".into(), "    a, b,".into(), "};".into()] };
    assert_eq!((text.room(), text.imports()), ("task", vec![(1, "use crate::{a, b,};".to_string())]));
}

/// A test that is left out where something is missing says so by `support::skip`, which counts, and
/// fails where nothing may be missing.
#[test]
fn no_test_is_left_out_in_silence() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            count += usize::from(text.contains("skip("));
            let lines: Vec<_> = text.lines().collect();
            for (index, line) in lines.iter().enumerate().filter(|_| !path.ends_with("tidy.rs")) {
                let leaves = lines.get(index + 1).is_some_and(|next| next.trim() == "return;");
                // A test that ends early is one that runs in a child process.
                if *line == "        return;" {
                    let condition = lines[..index].iter().rev().find(|line| line.starts_with("    if "));
                    if !condition.is_some_and(|line| line.contains("alone(") || line.contains("is_child()")) {
                        wrong.push(format!("{}:{}", path.display(), index + 1));
                    }
                }
                if line.contains("#[ignore") || (line.contains("println!(") && (leaves || line.contains("\"skip"))) {
                    wrong.push(format!("{}:{}", path.display(), index + 1));
                }
            }
        }
    }
    assert!(count > 3, "the tests were not found");
    assert_none("tests that are left out without `support::skip`", &wrong);
}
