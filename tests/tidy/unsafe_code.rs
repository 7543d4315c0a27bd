//! Dangers have homes and rules.

use std::collections::BTreeMap;

use super::{Source, assert_none, sources};

/// The design's target is 40.
const UNSAFE_BLOCKS: usize = 53;

/// Does the line open an unsafe block, or promise something with `unsafe impl`?
fn is_unsafe(code: &str) -> bool {
    code.contains("unsafe {") || code.trim_start().starts_with("unsafe impl")
}

/// The rule ids in a text: a capital letter and a number in brackets. Escaped ones, `\[T1\]`, are
/// definitions.
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
            // The comment stands above the statement, which may have begun a few lines above the
            // block.
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

/// Of the room of tasks nothing leaves by which a function could be called at a wrong time: no
/// safe function takes or gives a raw pointer, and no type that can be cloned by a derive is a
/// reference to a task.
fn leaks_of_tasks(source: &Source) -> Vec<String> {
    let code: Vec<_> = source.code().collect();
    let mut found = Vec::new();
    for (index, (number, line)) in code.iter().enumerate() {
        let declared = line.trim_start();
        let Some(item) = declared.strip_prefix("pub(crate) ").or_else(|| declared.strip_prefix("pub ")) else { continue };
        if item.starts_with("fn ") || item.starts_with("const fn ") {
            let end =
                code[index..].iter().position(|(_, line)| line.contains(['{', ';'])).map_or(code.len(), |end| index + end + 1);
            let signature: String = code[index..end].iter().map(|(_, line)| *line).collect();
            let signature = signature.split('{').next().unwrap();
            if ["*const ", "*mut ", "NonNull<"].iter().any(|pointer| signature.contains(pointer)) {
                found.push(format!("{}:{number}: a safe function with a raw pointer", source.path));
            }
        }
        if item.starts_with("struct ") {
            let end =
                code[index..].iter().position(|(_, line)| line.ends_with(['}', ';'])).map_or(code.len(), |end| index + end + 1);
            let body: String = code[index..end].iter().map(|(_, line)| *line).collect();
            let points = ["TaskRef", "TaskView", "NonNull<Header>"].iter().any(|reference| body.contains(reference));
            let above = (0..index).rev().take(4).map(|above| code[above].1.trim()).take_while(|above| !above.ends_with('}'));
            let copied = above.filter(|above| above.starts_with("#[derive(")).any(|derive| derive.contains("Clone"));
            if points && copied {
                found.push(format!("{}:{number}: a reference to a task that can be cloned", source.path));
            }
        }
    }
    found
}

#[test]
fn no_reference_to_a_task_leaves_its_room_unguarded() {
    let sources = sources();
    let found: Vec<_> = sources.iter().filter(|source| source.room() == "task").flat_map(leaks_of_tasks).collect();
    assert_none("the room of tasks gives away what can be misused", &found);
}

#[test]
fn the_checks_of_unsafe_code_see_what_they_look_for() {
    let room = |text: &str| Source { path: "task/x.rs".into(), lines: text.lines().map(String::from).collect() };
    for leak in [
        "    pub(crate) fn from_address(address: *mut ()) -> Option<Self> {",
        "pub(crate) fn adopt(\n    self,\n    executor: NonNull<()>,\n) {",
        "#[derive(Clone, Copy, PartialEq)]\npub(crate) struct TaskRef(NonNull<Header>);",
        "#[derive(Clone, Copy)]\npub(crate) struct Linked {\n    task: TaskRef,\n}",
        "#[derive(Clone, Debug)]\npub(crate) struct Queued(TaskView);",
    ] {
        assert_eq!(leaks_of_tasks(&room(leak)).len(), 1, "{leak}");
    }
    for sound in [
        "    pub(super) fn address(self) -> *mut () {",
        "    pub(crate) unsafe fn new(executor: NonNull<S>) -> Self {",
        "pub(crate) fn spawn() {\n    let address: *mut () = 0;\n}",
        "#[derive(Debug)]\npub(crate) struct Linked(TaskRef);",
        "#[derive(Clone, Copy)]\npub(crate) struct Seen(*mut ());",
    ] {
        assert_eq!(leaks_of_tasks(&room(sound)), [""; 0], "{sound}");
    }
    assert_eq!(ids(r"- \[T1\] The block [T2], [x], [Vec], [T]", true), ["T1"]);
    assert_eq!(ids(r"SAFETY: [T1] and [I12] \[R3\] [0] [T]", false), ["T1", "I12"]);
    assert!(is_unsafe("    let x = unsafe { y };") && is_unsafe("unsafe impl Send for X {}") && !is_unsafe("unsafe fn f() {"));
}
