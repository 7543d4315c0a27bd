//! Tells the benches what compiler builds them: counts of instructions mean nothing without it.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = env::var("RUSTC").expect("cargo names the compiler");
    let version = Command::new(&rustc).arg("--version").output().expect("the compiler says its version");
    let version = String::from_utf8(version.stdout).expect("a version is text");
    println!("cargo:rustc-env=BUILT_BY={}", version.trim());
    println!("cargo:rustc-env=BUILT_FOR={}", env::var("TARGET").expect("cargo names the target"));
    // Cargo separates the flags with a byte that no flag has.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\u{1f}', " ");
    println!("cargo:rustc-env=BUILT_WITH={flags}");
}
