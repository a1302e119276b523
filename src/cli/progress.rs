//! The progress bar: on a terminal how far, how fast and how long still; nothing when piped.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `length` ticks with a word in front. It goes to stderr, and away when it is done.
pub fn bar(length: u64, word: &str) -> ProgressBar {
    let look = "{prefix} {bar:32.cyan/dim} {percent:>3} %  {msg}{human_pos}/{human_len} ticks  {per_sec}  {eta} left";
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length).with_prefix(word.to_owned());
    if let Ok(style) = ProgressStyle::with_template(look) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// On a terminal, what a person looks for in a long line of JSON, below it; nothing when piped.
pub fn last_word(line: impl Display) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = writeln!(stderr, "{line}"); // a terminal that is gone is no failure of ours
    }
}
