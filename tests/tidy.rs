//! The house rules that a machine can check: imports point down, dangers have homes and names, files and functions stay readable.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that may be longer than the rest, and why.
const LONG_FILES: [(&str, &str); 2] = [
    ("executor.rs", "half of it is the documentation of the public face; the loop and what enters it are read together"),
    ("task/cell.rs", "the layout and every function that touches a task's memory: the unsafe code's one home"),
];
const LONG_FILE: usize = 400;
const LONG_FUNCTION: usize = 60;
/// The design's target is 40.
const UNSAFE_BLOCKS: usize = 60;

/// Who may name `std::sync::atomic` besides `sync.rs`, and why.
const ATOMICS: [(&str, &str); 3] = [
    ("blocking/default.rs", "a static that a forked child must find unlocked; no thread waits for another by it"),
    ("fork.rs", "a static that a handler between `fork` and the child raises; no thread waits for another by it"),
    ("task/site.rs", "a static table of addresses that no wake and no poll asks; nothing is published by it"),
];

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
            if path.is_dir() {
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

// -- imports -----------------------------------------------------------------------------------------------------------------------------

/// The floor of a room. Nothing imports from a floor above, and rooms of one floor below the users' do not import each other.
fn floor(room: &str) -> Option<u8> {
    Some(match room {
        "sync" | "fork" => 0,
        "task" => 1,
        "inbox" | "run_queue" | "wait_list" => 2,
        "reactor" | "blocking" => 3,
        "executor" => 4,
        "runtime" => 5,
        "io" | "net" | "time" | "channel" | "local" | "signal" | "hyper" | "test" => USERS,
        // The models' window into the lower rooms.
        "model" => 7,
        _ => return None,
    })
}

const USERS: u8 = 6;

/// Every name that follows `crate::` in a piece of code, alone or in braces.
fn named_rooms(code: &str) -> Vec<String> {
    named_after(code, "crate::")
}

fn named_after(code: &str, start: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for after in code.split(start).skip(1) {
        let list = after.strip_prefix('{').map_or(after, |list| list.split('}').next().unwrap());
        let names = if after.starts_with('{') { list.split(',').collect() } else { vec![list] };
        for name in names {
            let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            rooms.push(name);
        }
    }
    rooms
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path != "lib.rs") {
        let own = floor(source.room());
        let Some(own) = own else {
            wrong.push(format!("{}: this room has no floor", source.path));
            continue;
        };
        let imports = source.imports();
        let whole = |number: usize| imports.iter().find(|(line, _)| *line == number);
        for (number, line) in source.code() {
            let line = match whole(number) {
                // A re-export gives a name to others and uses nothing.
                Some((_, import)) if import.starts_with("pub ") => continue,
                Some((_, import)) => import,
                None => line,
            };
            for room in named_rooms(line) {
                let allowed = match floor(&room) {
                    Some(theirs) => theirs < own || room == source.room() || (theirs == own && own == USERS),
                    // From the crate's root: only the models may.
                    None => own > USERS,
                };
                if !allowed {
                    wrong.push(format!("{}:{number}: crate::{room}", source.path));
                }
            }
        }
    }
    assert_none("imports that do not point down", &wrong);
}

#[test]
fn rooms_of_the_users_floor_do_not_import_in_a_ring() {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources().iter().filter(|source| floor(source.room()) == Some(USERS)) {
        let to = imports.entry(source.room().to_string()).or_default();
        for (_, line) in source.code() {
            to.extend(named_rooms(line).into_iter().filter(|room| floor(room) == Some(USERS) && room != source.room()));
        }
    }
    assert_no_ring(imports);
}

/// Takes away who imports nobody that is left, until nothing can be taken away.
fn assert_no_ring(mut imports: BTreeMap<String, BTreeSet<String>>) {
    loop {
        let left: BTreeSet<_> = imports.keys().cloned().collect();
        let before = imports.len();
        imports.retain(|_, to| to.iter().any(|other| left.contains(other)));
        if imports.len() == before {
            break;
        }
    }
    assert!(imports.is_empty(), "a ring of imports: {imports:?}");
}

/// Between siblings, which name each other by `super`. A room's own file is above them and may name them all.
#[test]
fn files_of_a_room_do_not_import_in_a_ring() {
    for room in [
        "task", "reactor", "executor", "blocking", "signal", "hyper", "net", "time", "io", "channel", "local", "runtime",
        "signal", "hyper",
    ] {
        let inside: Vec<_> = sources().into_iter().filter(|source| source.path.starts_with(&format!("{room}/"))).collect();
        assert!(!inside.is_empty(), "{room} has files");
        let stem = |path: &str| path.split('/').nth(1).unwrap().trim_end_matches(".rs").to_string();
        let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for source in &inside {
            let names = source.imports().into_iter().flat_map(|(_, import)| named_after(&import, "super::"));
            imports.entry(stem(&source.path)).or_default().extend(names.filter(|name| *name != stem(&source.path)));
        }
        assert_no_ring(imports);
    }
}

#[test]
fn atomics_of_the_standard_library_are_named_in_one_place() {
    let mut wrong = Vec::new();
    for source in sources() {
        if source.path == "sync.rs" || ATOMICS.iter().any(|(path, _)| *path == source.path) {
            continue;
        }
        for (number, line) in source.code() {
            if line.contains("sync::atomic") && !line.contains("loom::") {
                wrong.push(format!("{}:{number}", source.path));
            }
        }
    }
    assert_none("`std::sync::atomic` past `sync.rs`", &wrong);
}

#[test]
fn sequential_consistency_is_used_nowhere() {
    let sources = sources();
    let found = lines_with(&sources, |code| code.contains("SeqCst"));
    assert_none("SeqCst needs a named proof obligation", &found);
}

fn lines_with(sources: &[Source], wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let of = |source: &Source| -> Vec<String> {
        source.code().filter(|(_, code)| wrong(code)).map(|(number, _)| format!("{}:{number}", source.path)).collect()
    };
    sources.iter().flat_map(of).collect()
}

// -- unsafe ------------------------------------------------------------------------------------------------------------------------------

/// Does the line open an unsafe block, or promise something with `unsafe impl`?
fn is_unsafe(code: &str) -> bool {
    code.contains("unsafe {") || code.trim_start().starts_with("unsafe impl")
}

/// The rule ids in a text: a capital letter and a number in brackets. Escaped ones, `\[T1\]`, are definitions.
fn ids(text: &str, escaped: bool) -> Vec<String> {
    let (open, close) = if escaped { ("\\[", "\\]") } else { ("[", "]") };
    let mut found = Vec::new();
    for (at, _) in text.match_indices(open) {
        if !escaped && text[..at].ends_with('\\') {
            continue;
        }
        let Some((id, _)) = text[at + open.len()..].split_once(close) else { continue };
        let mut letters = id.chars();
        let is_id = letters.next().is_some_and(|letter| letter.is_ascii_uppercase());
        if is_id && id.len() > 1 && letters.all(|digit| digit.is_ascii_digit()) {
            found.push(id.to_string());
        }
    }
    found
}

#[test]
fn every_unsafe_block_says_by_which_rule_it_is_safe() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for source in sources() {
        let unsafes: Vec<usize> = source.code().filter(|(_, code)| is_unsafe(code)).map(|(number, _)| number - 1).collect();
        count += unsafes.len();
        for (index, &line) in unsafes.iter().enumerate() {
            // The comment stands above the statement, which may have begun a few lines above the block.
            let since = unsafes[..index].last().map_or(0, |last| last + 1).max(line.saturating_sub(8));
            let comment = (since..=line).rev().find(|&above| source.comment(above).is_some_and(|text| text.contains("SAFETY:")));
            let Some(comment) = comment else {
                wrong.push(format!("{}:{}: no SAFETY comment", source.path, line + 1));
                continue;
            };
            let text: String = (comment..line).map_while(|line| source.comment(line)).collect();
            // "as above" is said of an impl beside another.
            if ids(&text, false).is_empty() {
                wrong.push(format!("{}:{}: the SAFETY comment cites no rule", source.path, line + 1));
            }
        }
    }
    println!("{count} unsafe blocks; the target is 40");
    assert_none("unsafe code", &wrong);
    assert!(count <= UNSAFE_BLOCKS, "{count} unsafe blocks, at most {UNSAFE_BLOCKS}");
}

#[test]
fn every_cited_rule_is_defined_once_and_every_defined_one_is_cited() {
    let mut defined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut cited: BTreeMap<String, String> = BTreeMap::new();
    for source in sources() {
        for (number, line) in source.lines.iter().enumerate() {
            let place = format!("{}:{}", source.path, number + 1);
            if let Some(doc) = line.strip_prefix("//!") {
                ids(doc, true).into_iter().for_each(|id| defined.entry(id).or_default().push(place.clone()));
            }
            if let Some(at) = line.find("//") {
                ids(&line[at..], false).into_iter().for_each(|id| {
                    cited.entry(id).or_insert(place.clone());
                });
            }
        }
    }
    assert!(defined.len() > 5, "{defined:?}");
    let twice: Vec<_> =
        defined.iter().filter(|(_, places)| places.len() > 1).map(|(id, places)| format!("{id}: {places:?}")).collect();
    assert_none("rules defined more than once", &twice);
    let unknown: Vec<_> =
        cited.iter().filter(|(id, _)| !defined.contains_key(*id)).map(|(id, place)| format!("{id} in {place}")).collect();
    assert_none("rules cited and not defined (a definition is written \\[T1\\] in a module's `//!`)", &unknown);
    let unused: Vec<_> =
        defined.iter().filter(|(id, _)| !cited.contains_key(*id)).map(|(id, place)| format!("{id} in {place:?}")).collect();
    assert_none("rules defined and never cited", &unused);
}

#[test]
fn unsafe_code_is_allowed_to_whole_modules_and_only_where_they_are_declared() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines: Vec<_> = source.code().collect();
        for window in lines.windows(2) {
            let [(number, line), (_, next)] = window else { unreachable!() };
            if line.contains("allow(unsafe_code)") && !next.contains("mod ") {
                wrong.push(format!("{}:{number}", source.path));
            }
        }
    }
    assert_none("`allow(unsafe_code)` that is not on a `mod` line", &wrong);
}

// -- size and dirt -----------------------------------------------------------------------------------------------------------------------

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

// -- the checks themselves ---------------------------------------------------------------------------------------------------------------

#[test]
fn the_checks_see_what_they_look_for() {
    assert_eq!(named_rooms("use crate::task::owner; crate::{sync, inbox::Notify}"), ["task", "sync", "inbox"]);
    assert_eq!(ids(r"- \[T1\] The block [T2], [x], [Vec], [T]", true), ["T1"]);
    assert_eq!(ids(r"SAFETY: [T1] and [I12] \[R3\] [0] [T]", false), ["T1", "I12"]);
    assert!(is_unsafe("    let x = unsafe { y };") && is_unsafe("unsafe impl Send for X {}") && !is_unsafe("unsafe fn f() {"));
    assert!(floor("reactor") < floor("executor") && floor("nothing").is_none());
    let text = Source { path: "task/x.rs".into(), lines: vec!["use crate::{".into(), "    a, b,".into(), "};".into()] };
    assert_eq!((text.room(), text.imports()), ("task", vec![(1, "use crate::{a, b,};".to_string())]));
}
