//! Imports point down, and nowhere in a ring.

use std::collections::{BTreeMap, BTreeSet};

use super::{assert_none, lines_with, sources};

/// Who may name `std::sync::atomic` besides `sync.rs`, and why.
const ATOMICS: [(&str, &str); 5] = [
    ("blocking/default.rs", "a static that a forked child must find unlocked; no thread waits for another by it"),
    ("fork.rs", "a static that a handler between `fork` and the child raises; no thread waits for another by it"),
    ("sync/modelled/atomics.rs", "the other half of `sync.rs`: what a model's atomics are worth when the model is over"),
    ("task/number.rs", "a static counter; nothing is published by it"),
    ("task/site.rs", "a static table of addresses that no wake and no poll asks; nothing is published by it"),
];

/// The floor of a room. Nothing imports from a floor above, and rooms of one floor below the users'
/// do not import each other.
fn floor(room: &str) -> Option<u8> {
    Some(match room {
        "sync" | "fork" | "clock" => 0,
        "task" => 1,
        "inbox" | "run_queue" | "wait_list" => 2,
        "reactor" | "blocking" => 3,
        "executor" => 4,
        "runtime" => 5,
        "io" | "net" | "time" | "channel" | "local" | "signal" | "hyper" | "test" => USERS,
        // The models' window into the lower rooms, and the pages for users.
        "model" | "guide" => 7,
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

/// Between siblings, which name each other by `super`. A room's own file is above them and may name
/// them all.
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
fn the_time_is_read_in_one_place() {
    let sources: Vec<_> = sources().into_iter().filter(|source| source.path != "clock.rs").collect();
    let found = lines_with(&sources, |code| code.contains("Instant::now") || code.contains("SystemTime"));
    assert_none("the time past `clock.rs`", &found);
}

#[test]
fn sequential_consistency_is_used_nowhere() {
    let sources = sources();
    let found = lines_with(&sources, |code| code.contains("SeqCst"));
    assert_none("SeqCst needs a named proof obligation", &found);
}

#[test]
fn the_checks_of_imports_see_what_they_look_for() {
    assert_eq!(named_rooms("use crate::task::owner; crate::{sync, inbox::Notify}"), ["task", "sync", "inbox"]);
    assert!(floor("reactor") < floor("executor") && floor("nothing").is_none());
}
