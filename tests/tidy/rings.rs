//! No ring of imports between files, and none between a face and its children.
//!
//! A file is a node. It has an edge to each file whose items it names, in a `use` or by a path in
//! its code. A name that a face re-exports leads to the child that defines it, so a face that only
//! declares and re-exports is in no ring.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, sources};

/// A file as a path of modules: `task::cell`.
type Module = String;

/// Every path that a `use` names, its braces taken apart: `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn expand(path: &str) -> Vec<String> {
    let Some((before, list)) = path.split_once('{') else {
        return vec![path.split(" as ").next().unwrap().trim().to_string()];
    };
    let list = list.rsplit_once('}').map_or(list, |(list, _)| list);
    let (mut parts, mut part, mut depth) = (Vec::new(), String::new(), 0);
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(letter);
    }
    parts.push(part);
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(|part| expand(&format!("{}{part}", before.trim()))).collect()
}

/// A path that begins in this crate, from `start` on: `crate::task::Task` in
/// `(crate::task::Task::new)`.
fn paths_in_code(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            found.push(code[at..].chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect());
        }
    }
    found
}

struct House {
    modules: BTreeSet<Module>,
    /// What a module hands on under a name of its own, and where it comes from.
    handed_on: BTreeMap<(Module, String), Module>,
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
}

impl House {
    /// The names of the modules below.
    fn children(&self, module: &str) -> impl Iterator<Item = &str> {
        let below = format!("{module}::");
        self.modules.iter().filter_map(move |other| other.strip_prefix(&below)).filter(|child| !child.contains("::"))
    }

    /// The module that a path leads to from `from`, and the name in it; `None` for a path out of
    /// the crate.
    fn resolve(&self, from: &str, path: &str) -> Option<(Module, String)> {
        let mut parts = path.split("::").filter(|part| !part.is_empty()).peekable();
        let mut at: Vec<&str> = from.split("::").collect();
        match *parts.peek()? {
            "crate" => {
                parts.next();
                at.clear();
            }
            "self" => drop(parts.next()),
            "super" => {
                while parts.next_if_eq(&"super").is_some() {
                    at.pop();
                }
            }
            first if self.modules.contains(&format!("{from}::{first}")) => {}
            _ => return None,
        }
        while let Some(part) = parts.peek() {
            at.push(part);
            if !self.modules.contains(&at.join("::")) {
                at.pop();
                break;
            }
            parts.next();
        }
        Some((at.join("::"), parts.next().unwrap_or_default().to_string()))
    }

    /// Where a name is defined that a module may only hand on.
    fn home(&self, mut module: Module, name: &str) -> Module {
        for _ in 0..8 {
            match self.handed_on.get(&(module.clone(), name.to_string())) {
                Some(from) if *from != module => module.clone_from(from),
                _ => break,
            }
        }
        module
    }
}

fn module_of(source: &Source) -> Module {
    source.path.trim_end_matches(".rs").replace('/', "::")
}

/// The `use`s of a file: is it a re-export, and the paths.
fn uses(source: &Source) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    for (_, import) in source.imports() {
        let path = import.split_once("use ").unwrap().1.trim_end_matches(';');
        found.extend(expand(path).into_iter().map(|path| (import.starts_with("pub"), path)));
    }
    found
}

fn edges() -> BTreeMap<Module, BTreeSet<Module>> {
    let sources: Vec<_> = sources().into_iter().filter(|source| source.path != "lib.rs").collect();
    let mut house = House { modules: sources.iter().map(module_of).collect(), handed_on: BTreeMap::new() };
    for source in &sources {
        let module = module_of(source);
        for (_, path) in uses(source).into_iter().filter(|(handed_on, _)| *handed_on) {
            if let Some((from, name)) = house.resolve(&module, &path) {
                house.handed_on.insert((module.clone(), name), from);
            }
        }
    }
    let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for source in &sources {
        let module = module_of(source);
        let code: Vec<_> = source.code().map(|(_, code)| code).filter(|code| !code.contains("use ")).collect();
        // What a face hands on and names in its own code, it uses as well.
        let used = |(handed_on, path): &(bool, String)| {
            let name = path.rsplit("::").next().unwrap();
            !handed_on || code.iter().any(|code| words(code).any(|word| word == name))
        };
        let imported = uses(source).into_iter().filter(used).map(|(_, path)| path);
        let named = code.iter().flat_map(|code| paths_in_code(code));
        let children = house.children(&module).filter(|child| code.iter().any(|code| code.contains(&format!("{child}::"))));
        let children = children.map(|child| format!("self::{child}"));
        let homes = imported.chain(named).chain(children).filter_map(|path| house.resolve(&module, &path));
        let homes = homes.filter(|(at, _)| !at.is_empty()).map(|(at, name)| house.home(at, &name));
        let homes = homes.filter(|home| *home != module).collect();
        edges.insert(module, homes);
    }
    edges
}

/// Every module that can be reached from `start`.
fn reached(edges: &BTreeMap<Module, BTreeSet<Module>>, start: &str) -> BTreeSet<Module> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![start.to_string()]);
    while let Some(module) = left.pop() {
        for to in edges.get(&module).into_iter().flatten() {
            if seen.insert(to.clone()) {
                left.push(to.clone());
            }
        }
    }
    seen
}

#[test]
fn files_do_not_import_in_a_ring_and_faces_are_in_none() {
    let edges = edges();
    assert!(edges.values().map(BTreeSet::len).sum::<usize>() > 100, "the imports were not found");
    let mut rings: BTreeMap<Vec<Module>, ()> = BTreeMap::new();
    for module in edges.keys().filter(|module| reached(&edges, module).contains(*module)) {
        let ring = reached(&edges, module).into_iter().filter(|other| reached(&edges, other).contains(module));
        rings.insert(ring.collect(), ());
    }
    let shown: Vec<_> = rings.keys().map(|ring| ring.join(", ")).collect();
    super::assert_none("rings of files", &shown);
}

#[test]
fn the_checks_of_rings_see_what_they_look_for() {
    assert_eq!(expand("a::{b, c::{d, e as f}}"), ["a::b", "a::c::d", "a::c::e"]);
    assert_eq!(paths_in_code("(crate::task::new(), super::y, my_crate::z)"), ["crate::task::new", "super::y"]);
    let modules = ["a", "a::b", "a::c"].map(String::from).into();
    let handed_on = [(("a".to_string(), "X".to_string()), "a::c".to_string())].into();
    let house = House { modules, handed_on };
    let (at, name) = house.resolve("a::b", "super::X").unwrap();
    assert_eq!(house.home(at, &name), "a::c", "a face that hands on is not where it leads to");
    assert_eq!(house.resolve("a", "c::Y"), Some(("a::c".into(), "Y".into())));
    assert_eq!(house.resolve("a::b", "std::fmt"), None);
}
