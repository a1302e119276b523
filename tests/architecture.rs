//! Holds the layers of `docs/ARCHITECTURE.md`: which module may name which, which crate lives where, and what the
//! simulation must never see. It reads the sources as text, so a forbidden path is found even where it compiles.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder of `src/`, the modules of ours it may name (itself aside) and the crates it may use, both as lists of words.
struct Layer {
    folder: &'static str,
    ours: &'static str,
    crates: &'static str,
    reason: &'static str,
}

/// The longest matching folder counts. Files beside them (`app`, `cli`, `config`, `main`) wire everything together.
const LAYERS: &[Layer] = &[
    Layer {
        folder: "sim",
        ours: "",
        crates: "fearless_simd libm rand rmp_serde serde serde_path_to_error thiserror toml",
        reason: "the model is pure: it is run live, headless and in replays, and must give the same bits in each",
    },
    Layer {
        folder: "socketio/protocol",
        ours: "",
        crates: "base64 bytes serde serde_json thiserror",
        reason: "the protocols are state machines without sockets, so that every sequence can be tested",
    },
    Layer {
        folder: "socketio",
        ours: "",
        crates: "actix actix_codec actix_http actix_rt actix_server actix_service actix_web actix_web_actors base64 bytes bytestring flate2 futures_util log rand rustix serde serde_json socket2 thiserror tokio tokio_util",
        reason: "the Socket.IO server is a library: it has never heard of a drone",
    },
    Layer {
        folder: "contract",
        ours: "sim",
        crates: "bytes serde serde_json serde_path_to_error thiserror utoipa",
        reason: "the contract is data: what crosses the wire, without the machinery that carries it",
    },
    Layer {
        folder: "export",
        ours: "sim",
        crates: "csv_core flate2 parquet serde serde_json thiserror",
        reason: "a table is written to whatever takes bytes; who asks for it, and over what, is not its concern",
    },
    Layer {
        folder: "swarm",
        ours: "contract sim",
        crates: "actix actix_rt bytes flate2 futures_util log rand rayon serde serde_json thiserror tokio",
        reason: "a swarm publishes to whoever listens and records to whoever keeps; it knows neither web nor database",
    },
    Layer {
        folder: "store",
        ours: "contract sim",
        crates: "actix diesel diesel_migrations flate2 libsqlite3_sys log pq_sys r2d2 rand rmp_serde serde serde_json thiserror tokio",
        reason: "the store is fed with records and knows neither web nor sockets",
    },
    Layer {
        folder: "gateway",
        ours: "contract sim socketio swarm",
        crates: "actix actix_rt bytes futures_util governor log serde serde_json thiserror tokio",
        reason: "the gateway says what events mean; rules of flight and SQL stand elsewhere",
    },
    Layer {
        folder: "http",
        ours: "contract export gateway sim socketio store swarm",
        crates: "actix actix_cors actix_web base64 bytes futures_util governor log mime_guess prometheus rand rust_embed serde serde_json sha2 thiserror tokio utoipa ipnet",
        reason: "routes translate; rules of flight and SQL stand elsewhere",
    },
];

/// Words that must not stand in a module, nor in what lies beneath it.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "sim",
        "Instant SystemTime std::time std::thread std::fs std::net std::env std::io std::process",
        "no clocks, threads or files: scenario, seed and journal alone decide a run",
    ),
    (
        "sim",
        "HashMap HashSet RandomState",
        "their order differs from run to run; use BTreeMap or a sorted Vec",
    ),
    (
        "sim",
        ".sin( .cos( .sin_cos( .tan( .asin( .acos( .atan( .atan2( .exp( .ln( .powf( .hypot( .cbrt(",
        "the platform's functions differ in the last bit between machines; use libm",
    ),
    ("sim", "rand::rng thread_rng StdRng SmallRng OsRng", "unseeded or unportable; use sim::rng"),
    ("socketio/protocol", "Instant::now SystemTime", TIME_IS_HANDED_IN),
    ("socketio/outbox", "Instant::now SystemTime", TIME_IS_HANDED_IN),
    ("store/batcher", "Instant::now SystemTime", TIME_IS_HANDED_IN),
    ("store/queue", "Instant::now SystemTime", TIME_IS_HANDED_IN),
    ("swarm/ledger", "Instant::now SystemTime", TIME_IS_HANDED_IN),
    ("swarm/supervision", "Instant::now SystemTime", TIME_IS_HANDED_IN),
    ("contract", "Instant::now SystemTime", TIME_IS_HANDED_IN),
];
const TIME_IS_HANDED_IN: &str =
    "a pure machine is handed the time, so that a year of it is tested in a second";

/// Crates with one home: the only file or folder that may name them.
const HOMES: &[(&str, &str, &str)] = &[
    ("actix_web_actors", "socketio/websocket", "deprecated upstream; leaving it must touch one file"),
    ("diesel", "store", "SQL has one home"),
    ("csv_core", "export", "formats of files have one home"),
    ("parquet", "export", "formats of files have one home"),
];

fn is_within(file: &str, module: &str) -> bool {
    file.strip_prefix(module).is_some_and(|rest| rest.starts_with(['/', '.']))
}

fn layer_of(file: &str) -> Option<&'static Layer> {
    LAYERS.iter().filter(|layer| is_within(file, layer.folder)).max_by_key(|layer| layer.folder.len())
}

/// Every broken rule of one file: `src/FILE:LINE names WHAT: REASON`. `file` is relative to `src/`.
fn faults(file: &str, text: &str, crates: &[String]) -> Vec<String> {
    let code = code_only(text);
    let mut found = Vec::new();
    let mut fault = |at: usize, what: &str, reason: &str| {
        let line = code[..at].matches('\n').count() + 1;
        found.push((line, format!("src/{file}:{line} names {what}: {reason}")));
    };
    if let Some(layer) = layer_of(file) {
        let own = layer.folder.replace('/', "::");
        for (at, path) in own_paths(file, &code) {
            let may = |name: &str| path == name || path.starts_with(&format!("{name}::"));
            if !may(&own) && !layer.ours.split(' ').any(may) {
                fault(at, &format!("crate::{path}"), layer.reason);
            }
        }
        for name in crates.iter().filter(|name| !layer.crates.split(' ').any(|may| may == *name)) {
            for at in crate_uses(&code, name) {
                fault(at, name, layer.reason);
            }
        }
    }
    for (_, words, reason) in WORDS.iter().filter(|(module, ..)| is_within(file, module)) {
        for word in words.split(' ') {
            for at in occurrences(&code, word) {
                fault(at, word, reason);
            }
        }
    }
    for (name, home, reason) in HOMES.iter().filter(|(_, home, _)| !is_within(file, home)) {
        for at in crate_uses(&code, name) {
            fault(at, &format!("{name}, whose home is src/{home}"), reason);
        }
    }
    if !text.trim_start().starts_with("//!") {
        fault(0, "nothing in its first line", "a file begins with `//!` and says what it is about");
    }
    found.sort();
    found.into_iter().map(|(_, fault)| fault).collect()
}

/// Where `word` stands as a word of its own; a word that begins with a dot is a method call.
fn occurrences(code: &str, word: &str) -> Vec<usize> {
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    let free = |at: &usize| {
        let before = code[..*at].chars().next_back().is_none_or(|c| !is_ident(c) || word.starts_with('.'));
        let after =
            code[at + word.len()..].chars().next().is_none_or(|c| !is_ident(c) || word.ends_with('('));
        before && after
    };
    code.match_indices(word).map(|(at, _)| at).filter(free).collect()
}

/// Where a path begins with the crate `name`: `name::…`, `use name;`, `use name as …`.
fn crate_uses(code: &str, name: &str) -> Vec<usize> {
    let begins = |at: &usize| {
        let before = code[..*at].trim_end();
        let rest = code[at + name.len()..].trim_start();
        !before.ends_with("::")
            && !before.ends_with('.')
            && (rest.starts_with("::") || before.ends_with("use"))
    };
    occurrences(code, name).into_iter().filter(begins).collect()
}

/// Paths to modules of ours, from the crate's root: `crate::…`, with groups spread out, and `super::super::…` resolved.
fn own_paths(file: &str, code: &str) -> Vec<(usize, String)> {
    let mut module: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    module.retain(|part| *part != "mod");
    let mut paths = Vec::new();
    for at in occurrences(code, "crate").into_iter().filter(|at| code[*at..].starts_with("crate::")) {
        spread(code, at + "crate::".len(), "", &mut paths);
    }
    for at in occurrences(code, "super").into_iter().filter(|at| !code[..*at].ends_with("::")) {
        let mut rest = at;
        let mut ups = 0;
        while code[rest..].starts_with("super::") {
            (rest, ups) = (rest + "super::".len(), ups + 1);
        }
        let base = module[..module.len().saturating_sub(ups)].join("::");
        spread(code, rest, &base, &mut paths);
    }
    paths
}

/// Adds the path at `at` below `base`; of `{a, b::{c}}` each branch.
fn spread(code: &str, at: usize, base: &str, paths: &mut Vec<(usize, String)>) {
    let join = |name: &str| if base.is_empty() { name.to_owned() } else { format!("{base}::{name}") };
    if code[at..].starts_with('{') {
        let mut depth = 0;
        let mut start = true;
        for (offset, c) in code[at..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => start = true,
                c if depth == 1 && start && !c.is_whitespace() => {
                    spread(code, at + offset, base, paths);
                    start = false;
                }
                _ => {}
            }
            start |= c == '{' && depth == 1;
            if depth == 0 {
                return;
            }
        }
    }
    let name: String = code[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let rest = at + name.len();
    match code[rest..].strip_prefix("::") {
        Some(after) if after.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '{') => {
            spread(code, rest + 2, &join(&name), paths);
        }
        _ => paths.push((at, join(&name))),
    }
}

/// The source with comments, literals and `#[cfg(test)]` items blanked out, line by line where it was.
fn code_only(text: &str) -> String {
    let mut code = blank_literals(text);
    while let Some(at) = code.find("#[cfg(test)]") {
        let end = code[at..].find(['{', ';']).map_or(code.len(), |open| at + open);
        let mut depth = 0_i32;
        let close = code[end..].char_indices().find(|(_, c)| {
            depth += i32::from(*c == '{') - i32::from(*c == '}');
            depth == 0
        });
        let close = close.map_or(code.len(), |(offset, c)| end + offset + c.len_utf8());
        let blank: String = code[at..close].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        code.replace_range(at..close, &blank);
    }
    code
}

fn blank_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let length = literal_length(rest, before);
        let taken = &rest[..length.unwrap_or(c.len_utf8())];
        match length {
            Some(_) => out.extend(taken.chars().map(|c| if c == '\n' { c } else { ' ' })),
            None => out.push(c),
        }
        before = taken.chars().next_back().unwrap_or(' ');
        rest = &rest[taken.len()..];
    }
    out
}

/// Bytes of the comment, string or character that begins `rest`; `None` if it begins with code.
fn literal_length(rest: &str, before: char) -> Option<usize> {
    let until =
        |from: usize, end: &str| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(until(2, "*/"));
    }
    if let Some(raw) =
        rest.strip_prefix("r").filter(|raw| raw.starts_with(['"', '#']) && !before.is_alphanumeric())
    {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        return raw[hashes..]
            .starts_with('"')
            .then(|| until(2 + hashes, &format!("\"{}", "#".repeat(hashes))));
    }
    let escaped = |quote: char| {
        let mut skip = false;
        rest.char_indices().skip(1).find(|(_, c)| {
            let ends = !skip && *c == quote;
            skip = !skip && *c == '\\';
            ends
        })
    };
    match rest.chars().next()? {
        '"' => Some(escaped('"').map_or(rest.len(), |(at, _)| at + 1)),
        // A quote also begins a lifetime: a character literal is closed after one character or an escape.
        '\'' if rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'') => {
            escaped('\'').map(|(at, _)| at + 1)
        }
        _ => None,
    }
}

/// Files of tests beside the code (`x_tests.rs`, `tests.rs`, `tests/x.rs`) may name what they like.
fn is_test(path: &Path) -> bool {
    let is =
        |name: Option<&std::ffi::OsStr>| name.is_some_and(|name| name.to_string_lossy().ends_with("tests"));
    is(path.file_stem()) || is(path.parent().and_then(Path::file_name))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(sources(&path)),
            false if path.extension().is_some_and(|ending| ending == "rs") && !is_test(&path) => {
                files.push(path)
            }
            false => {}
        }
    }
    files.sort();
    files
}

/// Names of the crates in `[dependencies]`, as Rust spells them.
fn dependencies(manifest: &str) -> Vec<String> {
    let table = manifest.split("\n[dependencies]").nth(1).unwrap_or_default();
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim().replace('-', "_")).collect()
}

#[test]
fn every_module_names_only_what_its_layer_may_know() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = dependencies(&fs::read_to_string(root.join("Cargo.toml")).unwrap());
    assert!(crates.contains(&"actix_web".to_owned()), "the dependencies were not found: {crates:?}");
    let files = sources(&root.join("src"));
    assert!(files.len() > 20, "the sources were not found");
    let all: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let file = path.strip_prefix(root.join("src")).unwrap().to_string_lossy().replace('\\', "/");
            faults(&file, &fs::read_to_string(path).unwrap(), &crates)
        })
        .collect();
    assert!(all.is_empty(), "{} broken rules of docs/ARCHITECTURE.md:\n{}", all.len(), all.join("\n"));
}

#[cfg(test)]
mod the_checker {
    use super::faults;

    /// Which lines of `code` (after a first line of documentation) are at fault in `file`.
    fn lines(file: &str, code: &str) -> Vec<usize> {
        let crates = ["actix_web", "diesel", "log", "serde", "libm"].map(str::to_owned);
        let text = format!("//! A sample.\n{code}");
        faults(file, &text, &crates)
            .iter()
            .map(|f| f.split([':', ' ']).nth(1).unwrap().parse().unwrap())
            .collect()
    }

    #[test]
    fn finds_a_module_that_must_not_be_known() {
        assert_eq!(lines("sim/world.rs", "use crate::sim::rng;\nuse crate::swarm::Swarm;"), [3]);
        assert_eq!(lines("contract/error.rs", "use crate::sim::ErrorCode;"), [0; 0]);
        assert_eq!(lines("swarm/mod.rs", "fn f() { let x = crate::http::routes(); }"), [2]);
        assert_eq!(lines("store/mod.rs", "use crate::{contract::Record,\n  socketio::{Frame, X}};"), [3, 3]);
    }

    #[test]
    fn follows_super_out_of_a_layer() {
        assert_eq!(
            lines("socketio/protocol/packet.rs", "use super::payload;\nuse super::super::session;"),
            [3]
        );
        assert_eq!(lines("sim/world/mod.rs", "use super::super::sim::rng;\nuse super::vec3::Vec3;"), [0; 0]);
        assert_eq!(lines("sim/world/mod.rs", "use super::super::store::Store;"), [2]);
    }

    #[test]
    fn finds_a_crate_outside_its_home() {
        assert_eq!(lines("gateway/frames.rs", "use diesel::prelude::*;"), [2, 2]);
        assert_eq!(lines("sim/mod.rs", "use libm;\nlog::info!(\"hi\");"), [3]);
        assert_eq!(lines("socketio/session.rs", "actix_web_actors::ws::start();"), [2]);
        assert_eq!(lines("socketio/websocket.rs", "use actix_web_actors::ws;"), [0; 0]);
    }

    #[test]
    fn finds_words_that_break_determinism() {
        assert_eq!(
            lines("sim/dynamics.rs", "let a = x.sin();\nlet b = libm::sin(x);\nlet m: HashMap<u8, u8>;"),
            [2, 4]
        );
        assert_eq!(lines("swarm/clock.rs", "let now = std::time::Instant::now();"), [0; 0]);
    }

    #[test]
    fn is_not_fooled_by_comments_literals_and_tests() {
        let code = "// use crate::swarm\nlet s = \"crate::http \\\" log::x\"; let r = r#\"crate::store\"#; let c = '\"';\n\
                    fn f<'a>(x: &'a str) {}\n#[cfg(test)]\nmod tests { use crate::swarm; fn g() { if x {} } }\nuse crate::store::X;";
        assert_eq!(lines("sim/mod.rs", code), [7]);
    }

    #[test]
    fn wants_a_first_line_of_documentation() {
        assert_eq!(faults("app.rs", "fn main() {}", &[]).len(), 1);
    }
}
