//! The table of what broke in the system before this one names tests that exist.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

use std::path::Path;

const DOCUMENT: &str = include_str!("../docs/LESSONS.md");
const LESSONS: usize = 24;

/// Files and names of the tests in a row of the table, by its number.
fn row(number: usize) -> Vec<(&'static str, &'static str)> {
    let begin = format!("| {number} | ");
    let line =
        DOCUMENT.lines().find(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("no row {number}"));
    let cell = line.trim_end_matches('|').rsplit(" | ").next().unwrap().trim();
    let test = |text: &'static str| {
        text.strip_prefix('`').and_then(|rest| rest.split_once("` ")).expect("`file` test")
    };
    cell.split("<br>").map(test).collect()
}

/// Whether a file has a test of a name: a function under `#[test]`, or a call of `test` or `it`.
fn has_test(text: &str, name: &str, is_rust: bool) -> bool {
    if is_rust {
        return text.split("::test]").skip(1).chain(text.split("#[test]").skip(1)).any(|after| {
            let signature = after.lines().find(|line| line.contains("fn ")).unwrap_or_default();
            signature.contains(&format!("fn {name}("))
        });
    }
    let calls = |line: &&str| ["test(", "it("].iter().any(|call| line.trim_start().starts_with(call));
    text.lines().filter(calls).any(|line| line.contains(name))
}

#[test]
fn every_lesson_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for number in 1..=LESSONS {
        let tests = row(number);
        assert!(!tests.is_empty(), "lesson {number} has no test");
        for (file, name) in tests {
            let text =
                std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(
                has_test(&text, name, file.ends_with(".rs")),
                "lesson {number}: {file} has no test {name}"
            );
        }
    }
}

#[test]
fn a_name_that_is_only_mentioned_is_no_test() {
    assert!(has_test("#[test]\nfn a_b() {}", "a_b", true));
    assert!(has_test("#[actix::test]\nasync fn a_b() {}", "a_b", true));
    assert!(!has_test("// a_b\nfn a_b() {}\n#[test]\nfn c() {}", "a_b", true));
    assert!(has_test("  test(`over ${via} a b c`, async", "a b", false));
    assert!(!has_test("// a b\nconst a = 'a b';", "a b", false));
}
