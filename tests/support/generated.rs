//! Tables in the docs that are made from the code.

/// Holds what stands between two marks of a file against what it should be, or writes it with `HMRS_UPDATE_DOCS=1`.
pub fn assert_written(path: &str, [begin, end]: [&str; 2], made: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(begin).expect("the table begins");
    let (written, after) = rest.split_once(end).expect("the table ends");
    if std::env::var_os("HMRS_UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{begin}{made}{end}{after}")).unwrap();
    } else {
        assert_eq!(written, made, "write it anew: HMRS_UPDATE_DOCS=1 cargo test --test '*_table'");
    }
}
