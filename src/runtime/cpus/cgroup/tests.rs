//! Trees of files as containers, service managers and old systems have them.

use std::process;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;

/// A root directory of its own, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("wakeline-cgroup-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let tree = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&tree.0).unwrap();
        files.iter().for_each(|(path, content)| tree.write(path, content));
        tree
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Unreadable for everybody, root too.
    fn directory(&self, path: &str) {
        fs::create_dir_all(self.0.join(path)).unwrap();
    }

    fn read(&self) -> Reading {
        read(&self.0)
    }

    /// What is found, as it is told to people.
    fn tightest(&self) -> Option<String> {
        let reading = self.read();
        assert_eq!(reading.skipped, [""; 0]);
        reading.tightest.map(|quota| quota.to_string())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const V2: &str = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
const V1: &str = "\
    22 27 0:21 / /proc rw,relatime - proc proc rw\n\
    31 23 0:28 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755\n\
    35 31 0:31 / /sys/fs/cgroup/cpuset rw shared:10 - cgroup cgroup rw,cpuset\n\
    36 31 0:32 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 master:3 - cgroup cgroup rw,cpu,cpuacct\n";

#[test]
fn the_tightest_of_all_ancestors_holds() {
    // As in golang/go#81180: the process's own group allows more than the one above it.
    let tree = Tree::new(&[
        ("proc/self/cgroup", "0::/a/b/c\n"),
        ("proc/self/mountinfo", V2),
        ("sys/fs/cgroup/a/cpu.max", "350000 100000\n"),
        ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n"),
    ]);
    assert_eq!(tree.read().tightest.unwrap().cores(), 3);
    assert_eq!(tree.tightest().unwrap(), "3.5 at /sys/fs/cgroup/a (cpu.max 350000 100000)");

    tree.write("sys/fs/cgroup/a/b/cpu.max", "50000 25000");
    assert_eq!(tree.tightest().unwrap(), "2 at /sys/fs/cgroup/a/b (cpu.max 50000 25000)");
    tree.write("sys/fs/cgroup/a/b/c/cpu.max", "20000 10000");
    assert_eq!(tree.tightest().unwrap(), "2 at /sys/fs/cgroup/a/b/c (cpu.max 20000 10000)", "the lowest of equals");
    tree.write("sys/fs/cgroup/cpu.max", "100001");
    assert_eq!(tree.tightest().unwrap(), "1 at /sys/fs/cgroup (cpu.max 100001 100000)", "the mount point too");
}

#[test]
fn a_sibling_and_what_lies_below_do_not_count() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "0::/a\n"),
        ("proc/self/mountinfo", V2),
        ("sys/fs/cgroup/a/below/cpu.max", "100000 100000"),
        ("sys/fs/cgroup/b/cpu.max", "100000 100000"),
        ("cpu.max", "100000 100000"),
    ]);
    assert_eq!(tree.read(), Reading::default());
}

#[test]
fn a_quota_below_one_cpu_counts_as_one() {
    let tree =
        Tree::new(&[("proc/self/cgroup", "0::/\n"), ("proc/self/mountinfo", V2), ("sys/fs/cgroup/cpu.max", "5000 100000")]);
    assert_eq!(tree.read().tightest.unwrap().cores(), 1);
    assert_eq!(tree.tightest().unwrap(), "0.05 at /sys/fs/cgroup (cpu.max 5000 100000)");
    tree.write("sys/fs/cgroup/cpu.max", "1 100000");
    assert_eq!(tree.tightest().unwrap(), "less than 0.01 at /sys/fs/cgroup (cpu.max 1 100000)");
}

#[test]
fn a_quota_is_rounded_down_in_words_and_in_cores() {
    let tree =
        Tree::new(&[("proc/self/cgroup", "0::/\n"), ("proc/self/mountinfo", V2), ("sys/fs/cgroup/cpu.max", "199999 100000")]);
    assert_eq!(tree.read().tightest.unwrap().cores(), 1);
    assert_eq!(tree.tightest().unwrap(), "1.99 at /sys/fs/cgroup (cpu.max 199999 100000)");
    tree.write("sys/fs/cgroup/cpu.max", &format!("{} 1", u64::MAX));
    assert!(tree.read().tightest.unwrap().cores() > 1 << 30);
}

#[test]
fn version_1_has_two_files_and_a_hierarchy_of_its_own() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "5:cpuset:/elsewhere\n4:cpu,cpuacct:/a/b\n1:name=systemd:/a\n"),
        ("proc/self/mountinfo", V1),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpuset/elsewhere/cpu.cfs_quota_us", "100000\n"),
    ]);
    let expected = "2.5 at /sys/fs/cgroup/cpu,cpuacct/a (cpu.cfs_quota_us 250000, cpu.cfs_period_us 100000)";
    assert_eq!(tree.tightest().unwrap(), expected);
}

#[test]
fn in_a_hybrid_system_both_are_asked() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "4:cpu,cpuacct:/a\n0::/a\n"),
        ("proc/self/mountinfo", &format!("{V1}40 31 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n")),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "400000"),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000"),
    ]);
    assert_eq!(tree.read().tightest.unwrap().cores(), 4);
    tree.write("sys/fs/cgroup/unified/a/cpu.max", "300000 100000");
    assert_eq!(tree.read().tightest.unwrap().cores(), 3);
}

#[test]
fn no_quota_and_no_cgroups_are_the_same() {
    assert_eq!(Tree::new(&[]).read(), Reading::default());
    let tree = Tree::new(&[("proc/self/cgroup", "0::/a\n")]);
    assert_eq!(tree.read(), Reading::default(), "not mounted");
    tree.write("proc/self/mountinfo", V2);
    assert_eq!(tree.read(), Reading::default(), "mounted, no files");
    tree.write("sys/fs/cgroup/a/cpu.max", "max 100000\n");
    assert_eq!(tree.read(), Reading::default(), "no limit");
    tree.write("sys/fs/cgroup/a/cpu.max", "max");
    assert_eq!(tree.read(), Reading::default(), "no limit and no period");
}

#[test]
fn a_malformed_file_is_skipped_and_named() {
    let malformed = [
        "",
        "\n",
        "maximum 100000",
        "-1 100000",
        "+5 100000",
        "0 100000",
        "100000 0",
        "100000 max",
        "1 2 3",
        "1.5 1",
        "99999999999999999999999",
    ];
    for content in malformed {
        let tree = Tree::new(&[
            ("proc/self/cgroup", "0::/a\n"),
            ("proc/self/mountinfo", V2),
            ("sys/fs/cgroup/a/cpu.max", content),
            ("sys/fs/cgroup/cpu.max", "200000 100000"),
        ]);
        let reading = tree.read();
        assert_eq!(reading.tightest.unwrap().cores(), 2, "{content:?}: the others still count");
        assert_eq!(reading.skipped, [format!("/sys/fs/cgroup/a/cpu.max says {:?}", content.trim_end())]);
    }
}

#[test]
fn a_malformed_file_of_version_1_is_skipped_and_named() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "4:cpu:/a/b/c/d\n"),
        ("proc/self/mountinfo", "36 31 0:32 / /cpu rw - cgroup cgroup rw,cpu\n"),
        ("cpu/a/cpu.cfs_quota_us", "100000"),
        ("cpu/a/b/cpu.cfs_quota_us", "-2"),
        ("cpu/a/b/c/cpu.cfs_quota_us", "100000"),
        ("cpu/a/b/c/cpu.cfs_period_us", "0"),
        ("cpu/a/b/c/d/cpu.cfs_quota_us", "100000"),
    ]);
    tree.directory("cpu/a/b/c/d/cpu.cfs_period_us");
    let reading = tree.read();
    assert_eq!(reading.tightest, None);
    let [unreadable, period, quota, missing] = &reading.skipped[..] else { panic!("{reading:?}") };
    assert!(unreadable.starts_with("/cpu/a/b/c/d/cpu.cfs_period_us cannot be read ("), "{unreadable}");
    assert_eq!(period, "/cpu/a/b/c/cpu.cfs_period_us says \"0\"");
    assert_eq!(quota, "/cpu/a/b/cpu.cfs_quota_us says \"-2\"");
    assert_eq!(missing, "/cpu/a/cpu.cfs_period_us is missing");
}

#[test]
fn an_unreadable_file_is_skipped_and_named() {
    let tree =
        Tree::new(&[("proc/self/cgroup", "0::/a\n"), ("proc/self/mountinfo", V2), ("sys/fs/cgroup/cpu.max", "200000 100000")]);
    tree.directory("sys/fs/cgroup/a/cpu.max");
    let reading = tree.read();
    assert_eq!(reading.tightest.unwrap().cores(), 2);
    assert!(reading.skipped[0].starts_with("/sys/fs/cgroup/a/cpu.max cannot be read ("), "{:?}", reading.skipped);

    let tree = Tree::new(&[]);
    tree.directory("proc/self/cgroup");
    assert!(tree.read().skipped[0].starts_with("/proc/self/cgroup cannot be read ("));
}

#[test]
fn bytes_that_are_no_text_and_lines_that_are_no_lines_are_passed_over() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "\n::\n0\n0::/a\n:::::\n"),
        ("proc/self/mountinfo", &format!("\n-\n- -\n1 2 3 4 5 6\n1 2 3 / /x - cgroup\n{V2}\\\\\\ \\777\n")),
        ("sys/fs/cgroup/cpu.max", "200000 100000"),
    ]);
    fs::create_dir_all(tree.0.join("sys/fs/cgroup/a")).unwrap();
    fs::write(tree.0.join("sys/fs/cgroup/a/cpu.max"), [0xff, 0xfe, b'1']).unwrap();
    let reading = tree.read();
    assert_eq!(reading.tightest.unwrap().cores(), 2);
    assert_eq!(reading.skipped.len(), 1, "{:?}", reading.skipped);
}

#[test]
fn a_container_that_sees_the_hosts_path_finds_its_group_at_the_mount_point() {
    // A bind mount of the container's group, without a cgroup namespace: the mount's root is a
    // prefix of the path, or all of it.
    let tree = Tree::new(&[
        ("proc/self/cgroup", "4:cpu,cpuacct:/docker/abc/inner\n"),
        ("proc/self/mountinfo", "36 31 0:32 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000"),
        ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000"),
        ("sys/fs/cgroup/cpu/inner/cpu.cfs_quota_us", "200000"),
        ("sys/fs/cgroup/cpu/inner/cpu.cfs_period_us", "100000"),
    ]);
    assert_eq!(tree.read().tightest.unwrap().cores(), 2);
    tree.write("proc/self/cgroup", "4:cpu,cpuacct:/docker/abc\n");
    assert_eq!(tree.read().tightest.unwrap().cores(), 3);
    // A prefix of whole names, not of letters.
    tree.write("proc/self/cgroup", "4:cpu,cpuacct:/docker/abcdef\n");
    let reading = tree.read();
    assert_eq!(
        (reading.tightest, &reading.skipped[..]),
        (None, &["the group /docker/abcdef cannot be seen from here".into()][..])
    );
}

#[test]
fn paths_of_a_namespace_are_taken_as_they_are_meant() {
    let names = |names: &[&str]| GroupPlace::At(names.iter().map(OsString::from).collect());
    assert_eq!(place(b"/", b"/"), names(&[]));
    assert_eq!(place(b"/a/b", b"/"), names(&["a", "b"]));
    assert_eq!(place(b"/a/b", b"/a"), names(&["b"]));
    // The mount was made outside of the namespace: its root is two groups above, and their names
    // are hidden.
    assert_eq!(place(b"/", b"/../.."), GroupPlace::SomewhereBelow);
    assert_eq!(place(b"/a", b"/.."), GroupPlace::SomewhereBelow);
    // The process was moved out of its namespace.
    assert_eq!(place(b"/../other", b"/"), GroupPlace::Elsewhere);
    assert_eq!(place(b"/../other/a", b"/../other"), names(&["a"]));
    assert_eq!(place(b"/../other", b"/.."), names(&["other"]));
    assert_eq!(place(b"/", b"/../other"), GroupPlace::Elsewhere);
    // Nothing may lead out of the mount.
    assert_eq!(place(b"/a/../../etc", b"/"), GroupPlace::Elsewhere);
    assert_eq!(place(b"", b""), names(&[]));
}

#[test]
fn a_mount_from_outside_of_the_namespace_is_asked_and_the_rest_is_said_to_be_hidden() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "0::/\n"),
        ("proc/self/mountinfo", "30 24 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
        ("sys/fs/cgroup/cpu.max", "200000 100000"),
    ]);
    let reading = tree.read();
    assert_eq!(reading.tightest.unwrap().cores(), 2);
    assert_eq!(reading.skipped, ["the group / cannot be seen from here"]);
}

#[test]
fn a_mount_that_is_covered_by_another_is_not_asked() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "0::/a\n"),
        ("proc/self/mountinfo", &format!("{V2}31 30 0:27 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")),
        ("sys/fs/cgroup/a/cpu.max", "100000 100000"),
        ("sys/fs/cgroup/cpu.max", "200000 100000"),
    ]);
    assert_eq!(tree.read().tightest.unwrap().cores(), 2, "the directory `a` here is a group below `a`");
    tree.write("proc/self/mountinfo", &format!("{V2}31 30 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"));
    assert_eq!(tree.read(), Reading::default());
}

#[test]
fn names_with_blanks_and_colons_and_backslashes_are_found() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "0::/a b:c\\d/e\n"),
        ("proc/self/mountinfo", "30 24 0:26 /a\\040b:c\\134d /my\\040groups\\011 rw - cgroup2 cgroup2 rw\n"),
        ("my groups\t/e/cpu.max", "200000 100000"),
    ]);
    assert_eq!(tree.read().tightest.unwrap().cores(), 2);
    assert_eq!(unescape(b"\\040\\04\\+12\\777\\"), b" \\04\\+12\\777\\");
}

#[test]
fn a_group_that_was_removed_leaves_its_ancestors() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "0::/a/b (deleted)\n"),
        ("proc/self/mountinfo", V2),
        ("sys/fs/cgroup/a/cpu.max", "200000 100000"),
    ]);
    assert_eq!(tree.tightest().unwrap(), "2 at /sys/fs/cgroup/a (cpu.max 200000 100000)");
}

#[test]
fn this_machine_can_be_asked() {
    let reading = read(Path::new("/"));
    assert!(reading.tightest.is_none_or(|quota| quota.cores() >= 1));
}
