//! The table of roles in `docs/SECURITY.md` is the list in the code. `HMRS_UPDATE_DOCS=1` writes it anew.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/generated.rs"]
mod generated;

use generated::assert_written;
use hmrs::contract::access::Role;
use hmrs::contract::rights;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SECURITY.md");
const BEGIN: &str = "<!-- rights:begin -->\n";
const END: &str = "<!-- rights:end -->";

fn table() -> String {
    let mut rows =
        String::from("| | | nobody | viewer | operator | admin |\n| --- | --- | :-: | :-: | :-: | :-: |\n");
    for (kind, what, needs) in rights::all() {
        let who = [None, Some(Role::Viewer), Some(Role::Operator), Some(Role::Admin)];
        let cells = who.map(|role| if role >= needs { "yes" } else { "–" });
        rows.push_str(&format!("| {kind} | `{what}` | {} |\n", cells.join(" | ")));
    }
    rows
}

#[test]
fn the_table_of_roles_is_the_list_in_the_code() {
    assert_written(PATH, [BEGIN, END], &table());
}

#[test]
fn nothing_is_listed_twice_and_what_is_not_listed_is_refused() {
    let mut all: Vec<_> = rights::all().map(|(kind, what, _)| (kind, what)).collect();
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count);
    assert_eq!(rights::of_route("PUT", "/api/status"), None);
    assert_eq!(rights::of_event("something-new"), Some(Role::Admin));
}
