//! One word per thing, and it is the field's word.

use std::collections::BTreeMap;
use std::fs;

use super::documents::{repository, rust_files};
use super::{assert_none, root};

/// Names that more than one type may have, and why.
const HOMONYMS: [(&str, &str); 7] = [
    ("State", "private to its room: what that room's lock or borrow guards"),
    ("Shared", "private to its room: what that room's handles share"),
    ("Builder", "public, and told apart by its module, as in std and tokio: of a task, an executor, a runtime"),
    ("Sender", "public, and told apart by its module, as in tokio: of a channel, of a oneshot channel"),
    ("Receiver", "public, and told apart by its module, as in tokio: of a channel, of a oneshot channel"),
    ("ArrivalQueue", "one type, on Linux and elsewhere"),
    ("BacklogGuard", "one type, on Linux and elsewhere"),
];

/// Words that are not used here, and those that are.
const WORDS: [(&str, &str); 16] = [
    ("whoever", "the noun: the thread that, the holder of"),
    ("whom", "that, which"),
    ("stranger", "foreign"),
    ("strangers", "foreign"),
    ("bell", "notifier"),
    ("bells", "notifiers"),
    ("doorbell", "notifier, self-pipe"),
    ("doorbells", "notifiers, self-pipes"),
    ("rope", "notifier"),
    ("rings", "notifies, notifications"),
    ("rang", "notified"),
    ("rung", "notified"),
    ("ringing", "notifying"),
    ("glance", "spin"),
    ("census", "metrics"),
    ("observer", "hooks"),
];

/// Where words are read.
const FOLDERS: [&str; 5] = ["src", "tests", "loom-tests", "examples", "benches"];
const PAGES: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "tests/BUGS.md", "loom-tests/mutants.sh"];
/// Here they are named, or mean files that import each other.
const NAMING_THEM: [&str; 3] = ["tests/tidy/words.rs", "tests/tidy/rings.rs", "tests/tidy.rs"];

/// The type that a line defines. A `type` in an `impl` or a trait is indented, and has its name
/// from that trait.
fn defined_type(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let after_pub = match code.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.strip_prefix(' ')?,
        None => code,
    };
    let (kind, rest) = after_pub.split_once(' ')?;
    let is_type = match kind {
        "struct" | "enum" | "union" | "trait" => true,
        "type" => code.len() == line.len(),
        _ => false,
    };
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (is_type && name.starts_with(|c: char| c.is_ascii_uppercase())).then_some(name)
}

/// `sync` for `sync.rs:36` and for `sync/modelled/memory.rs:168`.
fn room(place: &str) -> &str {
    place.split(['/', '.']).next().unwrap()
}

/// The words of prose and of names, in lower case: `a_bell_of Rope2` is `a`, `bell`, `of`, `rope`.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in line.chars() {
        if !letter.is_alphabetic() || (letter.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if letter.is_alphabetic() {
            words.last_mut().unwrap().extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn a_name_is_that_of_one_type() {
    let mut files = Vec::new();
    rust_files(&root(), &mut files);
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in &files {
        for (index, line) in text.lines().enumerate() {
            if let Some(name) = defined_type(line) {
                let path = path.split("/src/").last().unwrap();
                places.entry(name.to_string()).or_default().push(format!("{path}:{}", index + 1));
            }
        }
    }
    assert!(places.len() > 200, "the types were not found");
    places.retain(|_, places| {
        // The stand-in of a model bears the name of what it stands in for, in the same room.
        let (stand_ins, others): (Vec<_>, Vec<_>) = places.iter().partition(|place| place.contains("modelled"));
        let stands_in = |place: &String| others.iter().any(|other| room(other) == room(place));
        others.len() + stand_ins.iter().filter(|place| !stands_in(place)).count() > 1
    });
    let excused = |name: &str| HOMONYMS.iter().any(|(homonym, _)| *homonym == name);
    let wrong = places.iter().filter(|(name, _)| !excused(name)).map(|(name, places)| format!("{name}: {places:?}"));
    assert_none("names of more than one type", &wrong.collect::<Vec<_>>());
    let unused = HOMONYMS.iter().filter(|(name, _)| !places.contains_key(*name)).map(|(name, _)| (*name).to_string());
    assert_none("homonyms that need no excuse any more", &unused.collect::<Vec<_>>());
}

#[test]
fn words_are_the_fields() {
    let mut files = Vec::new();
    FOLDERS.iter().for_each(|folder| rust_files(&repository().join(folder), &mut files));
    for entry in fs::read_dir(root().join("guide")).unwrap() {
        let path = entry.unwrap().path();
        files.push((path.display().to_string(), fs::read_to_string(path).unwrap()));
    }
    files.extend(PAGES.map(|page| (page.to_string(), fs::read_to_string(repository().join(page)).unwrap())));
    let mut wrong = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !NAMING_THEM.iter().any(|naming| path.ends_with(naming))) {
        for (index, line) in text.lines().enumerate() {
            for (word, instead) in words(line).iter().filter_map(|word| WORDS.iter().find(|(banned, _)| banned == word)) {
                wrong.push(format!("{path}:{}: {word}; here it is called: {instead}", index + 1));
            }
        }
    }
    assert_none("words of a private dialect", &wrong);
}

#[test]
fn the_checks_of_words_see_what_they_look_for() {
    let lines = ["pub(in crate::task) struct A<T>", "    pub enum B {", "type C = u8;", "    type Output = ();", "structure D"];
    assert_eq!(lines.map(defined_type), [Some("A"), Some("B"), Some("C"), None, None]);
    assert_eq!((room("sync.rs:3"), room("sync/modelled/memory.rs:8")), ("sync", "sync"));
    assert_eq!(words("a_bell_of Rope2, the doorBell."), ["a", "bell", "of", "rope", "the", "door", "bell"]);
}
