//! The peers' programs — owns how they are built and found — must never let one that fails keep
//! the others from playing.
//!
//! Each is built by a command of its own, so that no peer's wish for a feature changes another
//! peer's crates, and one that does not build here is a line in the report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::plan::{OURSELVES, PROGRAMS, Program};
use crate::progress::Progress;

/// Somebody who plays: a program, or a variant of ours.
pub struct Subject {
    /// As the tables name it.
    pub label: String,
    /// What the program appends to the workloads that it has in this variant.
    variant: Option<String>,
    path: PathBuf,
    workloads: Vec<String>,
}

impl Subject {
    /// Is there a name under which its program has the workload?
    pub fn plays(&self, workload: &str) -> bool {
        self.workloads.contains(&self.named(workload))
    }

    /// A command that plays the workload.
    pub fn command(&self, workload: &str) -> (PathBuf, String) {
        (self.path.clone(), self.named(workload))
    }

    fn named(&self, workload: &str) -> String {
        match &self.variant {
            Some(variant) => format!("{workload}+{variant}"),
            None => workload.to_string(),
        }
    }
}

/// The folder of this workspace.
pub fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Builds every program; what does not build or start is told with its reason.
pub fn build(progress: &mut Progress) -> (Vec<Subject>, Vec<(String, String)>) {
    let (mut subjects, mut missing) = (Vec::new(), Vec::new());
    for program in PROGRAMS {
        progress.say(&format!("building {}", program.name));
        match build_one(program).and_then(|path| list(&path).map(|workloads| (path, workloads))) {
            Ok((path, workloads)) => subjects.extend(subjects_of(program, &path, &workloads)),
            Err(reason) => missing.push((program.name.to_string(), reason)),
        }
    }
    (subjects, missing)
}

fn build_one(program: &Program) -> Result<PathBuf, String> {
    let package = format!("peer-{}", program.name);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    // A peer may say that it wants a newer compiler and be content with this one.
    cargo.args(["build", "--release", "--locked", "--quiet", "--ignore-rust-version", "--package", &package]);
    let output = cargo.current_dir(home()).stdin(Stdio::null()).output().map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let error = said.lines().find(|line| line.starts_with("error")).unwrap_or("cargo says nothing of an error");
        return Err(format!("does not build: {error}"));
    }
    // This program lies where its siblings do.
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(this.with_file_name(package))
}

fn list(path: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(path).arg("--list").output().map_err(|error| format!("does not start: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(String::from).collect())
}

/// The program itself, and one subject for each variant that its list names.
fn subjects_of(program: &Program, path: &Path, workloads: &[String]) -> Vec<Subject> {
    let subject = |variant: Option<String>| Subject {
        label: variant.as_ref().map_or(program.name.to_string(), |variant| format!("{}, {variant}", program.name)),
        variant,
        path: path.to_path_buf(),
        workloads: workloads.to_vec(),
    };
    let mut variants: Vec<String> = Vec::new();
    for (_, variant) in workloads.iter().filter_map(|workload| workload.split_once('+')) {
        if !variants.iter().any(|known| known == variant) {
            variants.push(variant.to_string());
        }
    }
    std::iter::once(None).chain(variants.into_iter().map(Some)).map(subject).collect()
}

/// The versions that the lock file names; where there are several of a crate, the highest one.
pub fn versions() -> BTreeMap<String, String> {
    let lock = std::fs::read_to_string(home().join("Cargo.lock")).unwrap_or_default();
    let mut versions = versions_in(&lock);
    if let Some(version) = versions.get_mut(OURSELVES) {
        let commit = said_by("git", &["describe", "--always", "--dirty", "--abbrev=10"]);
        version.push_str(&format!(" at {}", commit.as_deref().unwrap_or("an unknown commit")));
    }
    versions
}

fn versions_in(lock: &str) -> BTreeMap<String, String> {
    let quoted = |line: &str, key: &str| Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.trim_end_matches('"').to_string());
    let (mut versions, mut name) = (BTreeMap::new(), String::new());
    for line in lock.lines() {
        if let Some(found) = quoted(line, "name") {
            name = found;
        } else if let Some(version) = quoted(line, "version") {
            // Sorted by version, so a later one is higher.
            versions.insert(name.clone(), version);
        }
    }
    versions
}

/// The first line that a command says, if it can be asked.
pub fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(home()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    said.lines().next().map(|line| line.trim().to_string()).filter(|line| output.status.success() && !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock() {
        let lock =
            "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"0.2.1\"\n";
        let versions = versions_in(lock);
        assert_eq!((versions["a"].as_str(), versions["b"].as_str()), ("1.0.0", "0.2.1"));
    }

    #[test]
    fn a_variant_is_a_subject_with_its_own_workloads() {
        let workloads = ["echo", "http", "http+Balance"].map(String::from);
        let subjects = subjects_of(&PROGRAMS[1], Path::new("p"), &workloads);
        assert_eq!(subjects.iter().map(|subject| subject.label.as_str()).collect::<Vec<_>>(), ["wakeline", "wakeline, Balance"]);
        assert!(subjects[0].plays("echo") && !subjects[1].plays("echo") && subjects[1].plays("http"));
    }
}
