//! The table of settings in `docs/OPERATIONS.md` is what `hmrs serve` takes. `HMRS_UPDATE_DOCS=1` writes it anew.

use clap::{Args as _, Command};
use hmrs::config::ServeConfig;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md");
const BEGIN: &str = "<!-- settings:begin -->\n";
const END: &str = "<!-- settings:end -->";

fn table() -> String {
    let mut rows = String::from("| flag | variable | default | |\n| --- | --- | --- | --- |\n");
    for arg in ServeConfig::augment_args(Command::new("serve")).get_arguments() {
        let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
        let value = value.map(|names| format!(" {}", names[0])).unwrap_or_default();
        let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if default.is_empty() { String::new() } else { format!("`{}`", default.join(",")) };
        let variable = arg.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
        let flag = arg.get_long().unwrap_or_default();
        rows.push_str(&format!("| `--{flag}{value}` | {variable} | {default} | {help} |\n"));
    }
    rows
}

#[test]
fn the_table_of_settings_is_what_the_program_takes() {
    let text = std::fs::read_to_string(PATH).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table begins");
    let (written, after) = rest.split_once(END).expect("the table ends");
    if std::env::var_os("HMRS_UPDATE_DOCS").is_some() {
        std::fs::write(PATH, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
    } else {
        assert_eq!(written, table(), "write it anew: HMRS_UPDATE_DOCS=1 cargo test --test settings_table");
    }
}
