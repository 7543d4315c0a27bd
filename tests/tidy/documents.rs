//! What documents say of each other is so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{assert_none, sources};

/// Where ids of other people's bugs may be cited.
const CITING: [&str; 5] = ["src", "tests", "loom-tests", "benches", "examples"];
/// The letters that such an id begins with.
const FAMILIES: [&str; 13] = ["TS", "RC", "RQ", "SN", "JC", "SD", "RE", "RD", "TM", "CH", "BP", "SF", "NS"];

pub(super) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below the folder, with its text.
pub(super) fn rust_files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The ids of bugs in a text: `SN10`, but not the `SN10` of `XSN10` or `SN10x`.
fn bug_ids(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let is_id = |word: &&str| {
        word.is_char_boundary(2)
            && FAMILIES.contains(&&word[..2])
            && (3..=4).contains(&word.len())
            && word[2..].chars().all(|digit| digit.is_ascii_digit())
    };
    words.filter(is_id).map(String::from).collect()
}

#[test]
fn every_bug_that_is_cited_is_defined_and_every_defined_one_is_cited() {
    let page = fs::read_to_string(repository().join("tests/BUGS.md")).unwrap();
    let mut defined = BTreeSet::new();
    let mut twice = Vec::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("- **")) {
        let id = line.split("**").next().unwrap().to_string();
        if !defined.insert(id.clone()) {
            twice.push(id);
        }
    }
    assert_none("bugs defined twice", &twice);
    let mut files = Vec::new();
    CITING.iter().for_each(|folder| rust_files(&repository().join(folder), &mut files));
    let mut cited: BTreeMap<String, String> = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| !path.ends_with("tidy/documents.rs")) {
        for id in bug_ids(text) {
            cited.entry(id).or_insert(path.clone());
        }
    }
    assert!(cited.len() > 50, "the citations were not found: {cited:?}");
    let unknown: Vec<_> =
        cited.iter().filter(|(id, _)| !defined.contains(*id)).map(|(id, path)| format!("{id} in {path}")).collect();
    assert_none("bugs cited and not defined in tests/BUGS.md", &unknown);
    let unused: Vec<_> = defined.into_iter().filter(|id| !cited.contains_key(id)).collect();
    assert_none("bugs of tests/BUGS.md that nothing cites", &unused);
}

/// The drawing in ARCHITECTURE.md names a function for each number. The names are those of the
/// code.
#[test]
fn the_drawing_names_functions_that_exist() {
    let sources = sources();
    let page = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let rows = page.lines().filter(|line| {
        let mut cells = line.split('|').skip(1);
        cells.next().is_some_and(|step| step.trim().starts_with(|c: char| c.is_ascii_digit()))
    });
    let mut names = Vec::new();
    for row in rows {
        let code = row.rsplit('|').nth(1).unwrap();
        names.extend(code.split('`').skip(1).step_by(2).map(|path| path.rsplit("::").next().unwrap().to_string()));
    }
    assert!(names.len() >= 8, "the table was not found: {names:?}");
    let is_defined = |name: &String| {
        let (plain, generic) = (format!("fn {name}("), format!("fn {name}<"));
        sources.iter().any(|source| source.code().any(|(_, code)| code.contains(&plain) || code.contains(&generic)))
    };
    let gone: Vec<_> = names.into_iter().filter(|name| !is_defined(name)).collect();
    assert_none("functions in the drawing's table that do not exist", &gone);
}

#[test]
fn the_checks_of_documents_see_what_they_look_for() {
    assert_eq!(bug_ids("see SN10, (TS1) XSN10 SN1000 RQ and `JC9`"), ["SN10", "TS1", "JC9"]);
}
