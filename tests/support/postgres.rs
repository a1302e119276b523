//! A PostgreSQL server of a test's own: made in a temporary directory, stopped and removed when the test process ends,
//! however it ends.
//!
//! Include it with `#[path = "support/postgres.rs"] mod postgres;`.
#![allow(dead_code)] // each test binary uses a part

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

/// A running (or stopped) server with one superuser, `hmrs`, who needs no password on the loopback interface.
pub struct Postgres {
    binaries: PathBuf,
    directory: PathBuf,
    port: u16,
    /// A shell that waits for the end of its input, which comes when this process ends; then it cleans up.
    _guard: Mutex<Child>,
}

static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Postgres {
    /// The server that the tests of one binary share; started by the first that asks. Panics, with the name of the package to
    /// install, if there is no PostgreSQL on this machine: a test that cannot run has not passed.
    pub fn shared() -> &'static Postgres {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| {
            let server = Postgres::create();
            server.start();
            server
        })
    }

    /// A new server, not started.
    pub fn create() -> Postgres {
        let server = Postgres::without_data();
        let template = Postgres::template().data();
        let copied = unprivileged(Path::new("cp")).args(["-a", &template, &server.data()]).status();
        assert!(copied.unwrap().success(), "{template} cannot be copied");
        server
    }

    /// What initdb makes, which takes seconds: made once, then copied.
    fn template() -> &'static Postgres {
        static TEMPLATE: OnceLock<Postgres> = OnceLock::new();
        TEMPLATE.get_or_init(|| {
            let server = Postgres::without_data();
            let data = server.data();
            let options = ["-D", &data, "-U", "hmrs", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
            server.run("initdb", &options);
            server
        })
    }

    fn without_data() -> Postgres {
        let binaries = find_binaries();
        let directory = make_directory();
        let guard = Mutex::new(start_guard(&binaries, &directory));
        Postgres { _guard: guard, binaries, port: free_port(), directory }
    }

    /// Starts the server and waits until it accepts connections.
    pub fn start(&self) {
        self.start_with("-c max_connections=50 -c shared_buffers=64MB");
    }

    /// Starts the server with other settings than its own, as flags of `postgres`.
    pub fn start_with(&self, settings: &str) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -k {} -c fsync=on {settings}",
            self.port,
            self.directory.display()
        );
        let log = self.directory.join("log").display().to_string();
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-t", "60", "-l", &log, "-o", &options, "start"]);
    }

    /// Stops the server as if it had crashed: no checkpoint, connections cut.
    pub fn crash(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-m", "immediate", "stop"]);
    }

    /// Sends a signal, such as STOP or CONT, to every process of the server.
    pub fn signal(&self, name: &str) {
        let file = self.directory.join("data").join("postmaster.pid");
        let postmaster = std::fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned();
        let children =
            std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap();
        for pid in std::iter::once(postmaster.as_str()).chain(children.split_whitespace()) {
            let _ = Command::new("kill").args([&format!("-{name}"), pid]).status();
        }
    }

    /// The URL of a new, empty database. The server must run.
    pub fn new_database(&self) -> String {
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of the database `name`, which may not exist and whose server may not run.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://hmrs@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs SQL as the superuser and returns what psql prints: rows as lines, columns separated by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let port = self.port.to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-U", "hmrs", "-d", database];
        self.run(
            "psql",
            &[&arguments[..], &["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]].concat(),
        )
    }

    fn data(&self) -> String {
        self.directory.join("data").display().to_string()
    }

    /// Runs one of PostgreSQL's programs as a user who is not root, and returns its output.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let log = self.directory.join(format!("{program}.out"));
        let output = unprivileged(&self.binaries.join(program))
            .args(arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            // Into files, not pipes: the server that pg_ctl starts would keep a pipe open.
            .stdout(std::fs::File::create(&log).unwrap())
            .stderr(Stdio::from(std::fs::File::create(log.with_extension("err")).unwrap()))
            .status()
            .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        if !output.success() {
            let server_log = read(&self.directory.join("log"));
            panic!("{program} {arguments:?}: {output}\n{}\n{server_log}", read(&log.with_extension("err")));
        }
        read(&log)
    }
}

/// The directory with initdb and pg_ctl: what pg_config says, PATH, or where Debian puts them.
fn find_binaries() -> PathBuf {
    let asked =
        Command::new("pg_config").arg("--bindir").output().ok().filter(|output| output.status.success());
    let mut places: Vec<PathBuf> =
        asked.iter().map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())).collect();
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    places.extend(versions.into_iter().rev());
    places
        .into_iter()
        .find(|place| place.join("initdb").is_file() && place.join("pg_ctl").is_file())
        .unwrap_or_else(|| {
            panic!("this test needs a PostgreSQL server (initdb, pg_ctl): apt-get install postgresql")
        })
}

/// PostgreSQL refuses to run as root; as root, its programs run as the user that Debian's package makes, or nobody.
fn unprivileged(program: &Path) -> Command {
    match server_user() {
        None => Command::new(program),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={user}"), &format!("--regid={}", group_of(user))]);
            command.args(["--clear-groups", "--"]).arg(program);
            command
        }
    }
}

fn server_user() -> Option<&'static str> {
    static USER: OnceLock<Option<&'static str>> = OnceLock::new();
    *USER.get_or_init(|| {
        let id = |arguments: &[&str]| Command::new("id").args(arguments).output().unwrap();
        let is_root = String::from_utf8_lossy(&id(&["-u"]).stdout).trim() == "0";
        is_root.then(|| if id(&["-u", "postgres"]).status.success() { "postgres" } else { "nobody" })
    })
}

fn group_of(user: &str) -> String {
    let output = Command::new("id").args(["-g", user]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A directory that the server's user owns; short, since the path of a unix socket has at most 107 bytes.
fn make_directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("hmrs-pg-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let directory = Path::new("/tmp").join(name);
    std::fs::create_dir(&directory).unwrap();
    if let Some(user) = server_user() {
        assert!(Command::new("chown").arg(user).arg(&directory).status().unwrap().success());
    }
    directory
}

fn start_guard(binaries: &Path, directory: &Path) -> Child {
    let script = r#"read _; "$@" >/dev/null 2>&1; rm -rf "$0""#;
    let stop = unprivileged(&binaries.join("pg_ctl"));
    Command::new("sh")
        .args(["-c", script])
        .arg(directory)
        .arg(stop.get_program())
        .args(stop.get_args())
        .args(["-D".as_ref(), directory.join("data").as_os_str()])
        .args(["-w", "-m", "immediate", "stop"])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
