//! The page about models shows what the crate in `loom-tests/downstream` has, and that crate's
//! models run.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The lines of the page's blocks of this language, without those that the page hides.
fn blocks(page: &str, language: &str) -> Vec<Vec<String>> {
    let (mut blocks, mut open) = (Vec::new(), false);
    for line in page.lines() {
        if line == format!("```{language}") {
            blocks.push(Vec::new());
            open = true;
        } else if line == "```" {
            open = false;
        } else if open && !line.starts_with("# ") {
            blocks.last_mut().unwrap().push(line.trim().to_string());
        }
    }
    blocks
}

#[test]
fn what_the_page_about_models_shows_is_what_runs() {
    let page = read("src/guide/models.md");
    let (rust, toml) = (blocks(&page, "rust"), blocks(&page, "toml"));
    assert_eq!((rust.len(), toml.len()), (2, 1));
    let compared = [("src/lib.rs", &rust[0]), ("tests/flag.rs", &rust[1]), ("Cargo.toml", &toml[0])];
    for (file, shown) in compared {
        let text = read(&format!("loom-tests/downstream/{file}")).replace("wakeline_downstream", "your_crate");
        let known: Vec<_> = text.lines().map(str::trim).collect();
        for line in shown.iter().filter(|line| !line.is_empty()) {
            // The dependency has a path there, and a version here.
            assert!(known.contains(&line.as_str()) || line.starts_with("wakeline = "), "{file} does not have: {line}");
        }
    }
}
