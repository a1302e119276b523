//! Where the database is: `sqlite://PATH` or `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?OPTIONS]`.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use crate::contract::record::DatabaseKind;

/// Options given to libpq unless the URL has them: a server that vanished without a word is noticed within some
/// 15 s instead of the kernel's two hours.
const POSTGRES_OPTIONS: [(&str, &str); 6] = [
    ("connect_timeout", "5"),
    ("keepalives_idle", "5"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "2"),
    ("tcp_user_timeout", "15000"),
    ("application_name", "hmrs"),
];

/// A parsed database URL. `Display` and `Debug` leave the password out.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    form: Form,
}

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Sqlite(PathBuf),
    Postgres { user: Option<String>, password: Option<String>, place: String, options: Vec<(String, String)> },
}

impl DatabaseUrl {
    /// Parses a URL.
    ///
    /// The scheme must be written out, so that a mistyped URL never makes an empty SQLite file. `sqlite://data/x.db` is
    /// relative, `sqlite:///srv/x.db` absolute. In-memory databases are refused: each connection would see its own.
    pub fn parse(text: &str) -> Result<DatabaseUrl, StoreError> {
        let wrong =
            |problem: &str| StoreError::Url { url: without_password(text), problem: problem.to_owned() };
        if let Some(path) = text.strip_prefix("sqlite://") {
            return match path {
                "" => Err(wrong("there is no path")),
                path if path.contains(":memory:") => Err(wrong("an in-memory database cannot be shared")),
                path if path.contains(['?', '#', '\0']) => Err(wrong("a path takes no options")),
                path if path.ends_with('/') => Err(wrong("the path names a directory")),
                path => Ok(DatabaseUrl { form: Form::Sqlite(PathBuf::from(path)) }),
            };
        }
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        match rest {
            Some(rest) => {
                parse_postgres(rest).map(|form| DatabaseUrl { form }).map_err(|problem| wrong(&problem))
            }
            None if text.trim().is_empty() => Err(wrong("it is empty")),
            None => Err(wrong("the scheme is missing or unknown")),
        }
    }

    /// The URL of an SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> DatabaseUrl {
        DatabaseUrl { form: Form::Sqlite(path.into()) }
    }

    /// The same database with this password, as read from a secret file. SQLite has none and stays as it is.
    pub fn with_password(mut self, secret: &str) -> DatabaseUrl {
        if let Form::Postgres { password, .. } = &mut self.form {
            *password = Some(percent_encoded(secret));
        }
        self
    }

    /// The kind of database.
    pub fn kind(&self) -> DatabaseKind {
        match self.form {
            Form::Sqlite(_) => DatabaseKind::Sqlite,
            Form::Postgres { .. } => DatabaseKind::Postgres,
        }
    }

    /// The file of an SQLite database.
    pub fn path(&self) -> Option<&Path> {
        match &self.form {
            Form::Sqlite(path) => Some(path),
            Form::Postgres { .. } => None,
        }
    }

    /// What the driver is given: secret, never to be logged.
    pub(super) fn for_driver(&self) -> String {
        match &self.form {
            Form::Sqlite(path) => path.to_string_lossy().into_owned(),
            Form::Postgres { options, .. } => {
                let mut url = self.written(true);
                let missing =
                    POSTGRES_OPTIONS.iter().filter(|(name, _)| !options.iter().any(|(have, _)| have == name));
                for (name, value) in missing {
                    url.push(if url.contains('?') { '&' } else { '?' });
                    url.push_str(&format!("{name}={value}"));
                }
                url
            }
        }
    }

    /// A message of the driver with every occurrence of the password struck out.
    pub(super) fn redacted(&self, message: &str) -> String {
        let Form::Postgres { password: Some(password), .. } = &self.form else { return message.to_owned() };
        let mut clean = message.to_owned();
        for secret in [password.clone(), percent_decoded(password)] {
            if !secret.is_empty() {
                clean = clean.replace(&secret, "***");
            }
        }
        clean
    }

    fn written(&self, with_password: bool) -> String {
        match &self.form {
            Form::Sqlite(path) => format!("sqlite://{}", path.display()),
            Form::Postgres { user, password, place, options } => {
                let mut url = "postgres://".to_owned();
                url.push_str(user.as_deref().unwrap_or(""));
                if let (true, Some(password)) = (with_password, password) {
                    url.push(':');
                    url.push_str(password);
                }
                if user.is_some() || (with_password && password.is_some()) {
                    url.push('@');
                }
                url.push_str(place);
                for (index, (name, value)) in options.iter().enumerate() {
                    url.push(if index == 0 { '?' } else { '&' });
                    url.push_str(&format!("{name}={value}"));
                }
                url
            }
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(false))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        DatabaseUrl::parse(text)
    }
}

fn parse_postgres(rest: &str) -> Result<Form, String> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (login, place) = match place.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, place),
    };
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    if database.is_empty() {
        return Err("the name of the database is missing".to_owned());
    }
    for host in hosts.split(',').filter(|host| !host.ends_with(']')) {
        let port = host.rsplit_once(':').map_or("", |(_, port)| port);
        if !port.is_empty() && port.parse::<u16>().is_err() {
            return Err(format!("port {port} is not in 0..=65535"));
        }
    }
    let (user, mut password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        Some((user, "")) => (Some(user.to_owned()), None),
        Some((user, password)) => (Some(user.to_owned()), Some(password.to_owned())),
        None => (None, None),
    };
    let mut options = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("password", value)) => password = Some(value.to_owned()),
            Some((name, value)) => options.push((name.to_owned(), value.to_owned())),
            None => return Err("an option has no value".to_owned()),
        }
    }
    Ok(Form::Postgres { user, password, place: place.to_owned(), options })
}

/// Any text, URL or not, with what looks like a password struck out.
fn without_password(text: &str) -> String {
    let (main, query) = text.split_once('?').unwrap_or((text, ""));
    let mut clean = match (main.find("://"), main.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            let login = &main[scheme + 3..at];
            let user = login.split(':').next().unwrap_or("");
            format!("{}{}{}", &main[..scheme + 3], user, &main[at..])
        }
        (None, Some(at)) => format!("***{}", &main[at..]),
        _ => main.to_owned(),
    };
    if query.to_ascii_lowercase().contains("password") {
        clean.push_str("?***");
    } else if !query.is_empty() {
        clean.push('?');
        clean.push_str(query);
    }
    clean
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_its_kind_and_its_place() {
        let relative = DatabaseUrl::parse("sqlite://data/hmrs.db").unwrap();
        assert_eq!(relative.path(), Some(Path::new("data/hmrs.db")));
        let absolute = DatabaseUrl::parse("sqlite:///srv/hmrs.db").unwrap();
        assert_eq!(absolute.path(), Some(Path::new("/srv/hmrs.db")));
        for text in ["postgres://hmrs@db/hmrs", "postgresql://hmrs@db:5432/hmrs?sslmode=disable"] {
            assert_eq!(DatabaseUrl::parse(text).unwrap().kind(), DatabaseKind::Postgres);
        }
    }

    #[test]
    fn a_wrong_url_is_refused_with_a_sentence_that_says_what_is_accepted() {
        for (text, problem) in [
            ("data/hmrs.db", "the scheme is missing or unknown"),
            ("sqlite:data.db", "the scheme is missing or unknown"),
            ("mysql://a/b", "the scheme is missing or unknown"),
            ("", "it is empty"),
            ("sqlite://", "there is no path"),
            ("sqlite://data/", "the path names a directory"),
            ("sqlite://:memory:", "in-memory"),
            ("sqlite://a.db?mode=ro", "takes no options"),
            ("postgres://db", "the name of the database is missing"),
            ("postgres://db:99999/x", "port 99999"),
            ("postgres://db/x?sslmode", "an option has no value"),
        ] {
            let message = DatabaseUrl::parse(text).unwrap_err().to_string();
            assert!(message.contains(problem), "{text}: {message}");
            assert!(message.contains("sqlite://PATH"), "{text}: {message}");
        }
    }

    #[test]
    fn a_password_is_in_no_message() {
        for text in [
            "postgres://u:s3cret@db/x",
            "postgres://u:s3cret@db",
            "postgres://u:s3cret@db:99999/x",
            "postgres://u:p@s3cret@db/x",
            "postgres://db/x?password=s3cret",
            "postgres://db?PassWord=s3cret",
            "oracle://u:s3cret@db/x",
            "u:s3cret@db/x",
        ] {
            let shown = match DatabaseUrl::parse(text) {
                Ok(url) => format!("{url} {url:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!shown.contains("s3cret"), "{text}: {shown}");
        }
    }

    #[test]
    fn a_password_reaches_the_driver_and_is_struck_out_of_what_it_says() {
        let url = DatabaseUrl::parse("postgres://u@db:1/x?application_name=mine")
            .unwrap()
            .with_password("p@ss/wörd");
        assert!(
            url.for_driver().starts_with("postgres://u:p%40ss%2Fw%C3%B6rd@db:1/x?application_name=mine&")
        );
        assert!(url.for_driver().contains("connect_timeout=5"));
        assert!(!url.for_driver().contains("application_name=hmrs"));
        let said = "invalid p@ss/wörd and p%40ss%2Fw%C3%B6rd";
        assert_eq!(url.redacted(said), "invalid *** and ***");
    }
}
