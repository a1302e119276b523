//! Wiring: makes the parts of a live server, joins them, and takes them apart again in order.

mod recovery;
mod upkeep;

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Service as _, ServiceRequest};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{AdminPage, Carrier, Deflate, FirstToken, ServeConfig};
use crate::contract::access::{Gatekeeper, Role};
use crate::contract::archive::Archive;
use crate::contract::error::ApiError;
use crate::contract::record::{DatabaseState, NoRecorder, Recorder};
use crate::gateway::commands::CommandRate;
use crate::gateway::{Commons, DEFAULT_SWARM, Gateway};
use crate::http::assets::Assets;
use crate::http::auth::{self, Access, Tokens};
use crate::http::{self, Api, Origins, Proxies};
use crate::socketio::{self, Admin, AllowedOrigins, Recovery, SocketIo};
use crate::store::{DatabaseUrl, Library, Limits, NewToken, Store, StoreConfig, Writer, WriterConfig};
use crate::swarm::{Beginning, Settings, Shelf, wall_time_ms};

/// From the signal to the end of the process everything must fit into the 10 s that container engines grant.
const FAREWELL_SPREAD: Duration = Duration::from_millis(1500);
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(5);
const HTTP_WAIT_MAX_S: u64 = 1;
/// How often tokens made or revoked by others are noticed.
const TOKENS_EVERY: Duration = Duration::from_secs(5);
/// Connections that one worker thread holds.
const CONNECTIONS_MAX: usize = 25_000;

/// Flies a swarm live until SIGTERM or SIGINT.
///
/// # Errors
/// One sentence saying what could not be started, or what was lost in stopping.
pub fn serve(config: ServeConfig) -> Result<(), String> {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info,actix_server=warn"))
        .format_timestamp_millis()
        .init();
    log_panics();
    actix::System::new().block_on(run(config))
}

/// A panic in an actor is survived; its message belongs in the log with everything else.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
}

/// What keeps the runs, and who may come in.
struct Ground {
    writer: Option<Writer>,
    store: Option<Store>,
    gatekeeper: Tokens,
}

impl Ground {
    fn library(&self) -> Option<Library> {
        Some(Library::new(self.store.clone()?, self.writer.clone()?))
    }

    fn has_database(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.health().state == DatabaseState::Ok)
    }
}

async fn run(config: ServeConfig) -> Result<(), String> {
    let scenario = crate::cli::load_scenario(&config.scenario)?;
    let listener = std::net::TcpListener::bind(config.bind)
        .map_err(|error| format!("--bind {}: cannot listen there: {error}", config.bind))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let ground = prepare(&config).await?;
    let assets = Assets { console_dir: config.console_dir.clone() };
    let io = SocketIo::new(socketio_config(&config));
    open_admin_page(&config, &io, ground.gatekeeper.clone())?;
    let mut shelf = Shelf::default();
    shelf.put(&scenario);
    let template = Settings {
        id: DEFAULT_SWARM.into(),
        scenario: scenario.clone(),
        seed: config.seed,
        is_paused: config.paused,
        threads: config.deciding_threads(),
        asked_max: crate::swarm::ASKED_MAX,
        intent_wait_max: Duration::from_millis(config.intent_wait_ms),
        telemetry_every: config.telemetry_every,
        keyframe_every_s: f64::from(config.keyframe_every_s),
    };
    let gateway = Gateway::new(Commons {
        io: io.clone(),
        shelf: Arc::new(shelf),
        archive: ground.library().map(|library| Arc::new(library) as Arc<dyn Archive>),
        template: template.clone(),
        recorder: match &ground.writer {
            Some(writer) => Arc::new(writer.clone()) as Arc<dyn Recorder>,
            None => Arc::new(NoRecorder),
        },
        gatekeeper: Arc::new(ground.gatekeeper.clone()) as Arc<dyn Gatekeeper>,
        command_rate: CommandRate { per_second: config.commands_per_s, burst: config.commands_burst },
        build: assets.build().into(),
    });
    fly(&config, &ground, &gateway, template).await.map_err(|error| error.to_string())?;
    let has_console = assets.has_console();
    let api = Api { gateway: gateway.clone(), store: ground.store.clone(), assets };
    let server = listen(&config, listener, api, &io)?;
    let handle = server.handle();
    let serving = actix_rt::spawn(server);
    greet(&config, address, has_console);

    wait_for_signal().await?;
    log::info!("stopping: no new clients, telling the others to come back later");
    io.shutdown(FAREWELL_SPREAD).await;
    gateway.shutdown().await;
    let flushed = match &ground.writer {
        Some(writer) => writer.stop(FLUSH_WAIT_MAX).await.map_err(|error| error.to_string()),
        None => Ok(()),
    };
    handle.stop(true).await;
    serving.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let spooled =
        ground.writer.as_ref().and_then(|writer| writer.health().spool).filter(|spool| spool.records > 0);
    match (&flushed, spooled) {
        (Ok(()), Some(spool)) => log::warn!(
            "stopped; {} records are left in the spool: the next start with this data directory and database delivers them",
            spool.records
        ),
        (Ok(()), None) => log::info!("stopped; everything is recorded"),
        (Err(lost), _) => log::error!("stopped, but {lost}"),
    }
    flushed
}

/// Flies on with what a crash interrupted; else the scenario that the settings name.
async fn fly(
    config: &ServeConfig,
    ground: &Ground,
    gateway: &Gateway,
    template: Settings,
) -> Result<(), ApiError> {
    let mut recovered = match (&ground.store, ground.library()) {
        (Some(store), Some(library)) if ground.has_database() => {
            recovery::recover(config, store, &library, &template).await
        }
        (Some(_), _) => {
            log::warn!("the database is away: if a run was interrupted it stays so, and a new one begins");
            Vec::new()
        }
        _ => Vec::new(),
    };
    let is_default = |one: &recovery::Recovered| one.settings.id.as_ref() == DEFAULT_SWARM;
    if !recovered.iter().any(is_default) {
        recovered.push(recovery::Recovered { settings: template, beginning: Beginning::Fresh });
    }
    for one in recovered {
        gateway.launch(one.settings, one.beginning)?;
    }
    Ok(())
}

fn listen(
    config: &ServeConfig,
    listener: std::net::TcpListener,
    api: Api,
    io: &SocketIo,
) -> Result<actix_web::dev::Server, String> {
    let (origins, mount) = (origins(config), io.clone());
    let proxies = Proxies::new(config.trusted_proxies.clone());
    let app = move || {
        let (origins, proxies) = (origins.clone(), proxies.clone());
        App::new()
            .wrap(from_fn(move |request, next| http::guard(origins.clone(), request, next)))
            .wrap_fn(move |mut request: ServiceRequest, next| {
                proxies.unmask(&mut request);
                next.call(request)
            })
            .configure(mount.configure())
            .configure(http::routes(api.clone()))
    };
    let cannot = |error| format!("--bind {}: cannot listen there: {error}", config.bind);
    if config.carrier == Carrier::Socket {
        let builder = actix_server::Server::build()
            .workers(config.worker_threads())
            .max_concurrent_connections(CONNECTIONS_MAX)
            .disable_signals()
            .shutdown_timeout(HTTP_WAIT_MAX_S);
        return Ok(socketio::listen(builder, listener, io, app).map_err(cannot)?.run());
    }
    let server = HttpServer::new(app)
        .workers(config.worker_threads())
        .max_connections(CONNECTIONS_MAX)
        // An abandoned poll must end its session at once, and not after the poll.
        .h1_allow_half_closed(false)
        .on_connect(io.on_connect())
        .disable_signals()
        .shutdown_timeout(HTTP_WAIT_MAX_S)
        .listen(listener)
        .map_err(cannot)?;
    Ok(server.run())
}

/// Database, tokens, and the rule that nothing is open by accident.
async fn prepare(config: &ServeConfig) -> Result<Ground, String> {
    let url = config.database.url()?;
    if let Some(url) = url.clone() {
        bring_up_to_date(url).await?;
    }
    let writer = url.clone().map(|url| {
        let queue_bytes_max = config.database_queue_mib as usize * 1024 * 1024;
        let limits = Limits { queue_bytes_max, ..Limits::default() };
        Writer::start(
            url,
            WriterConfig {
                server: config.server_name(),
                limits,
                migrate: true,
                spool: upkeep::spool(config),
            },
        )
    });
    let store = url.map(|url| Store::new(url, &StoreConfig::default()));
    match &store {
        Some(store) => log::info!("recording to {}", store.url()),
        None => log::warn!("recording nothing: --database-url is none"),
    }
    if let Some(writer) = &writer {
        upkeep::deliver(writer).await;
    }
    let stored = match &writer {
        Some(writer) => stored_tokens(writer, store.as_ref()).await,
        None => None,
    };
    let has_tokens = stored.as_ref().is_some_and(|tokens| !tokens.is_empty());
    if let Some(store) = &store {
        upkeep::keep_up(config, store);
    }
    let is_open = config.insecure_open || (config.is_loopback() && !has_tokens);
    if is_open {
        if config.is_loopback() {
            log::info!("everyone on this machine is an operator: no access token is stored");
        } else {
            log::warn!("INSECURE: everyone who can reach {} is an operator (--insecure-open)", config.bind);
        }
        return Ok(Ground { writer, store, gatekeeper: Tokens::open() });
    }
    let gatekeeper = Tokens::closed();
    let mut tokens = stored.unwrap_or_default();
    // A first token that no database could take lives as long as the server; stored ones live as they are stored.
    let mut unstored = HashMap::new();
    if !has_tokens && config.first_token == FirstToken::None {
        log::warn!(
            "nobody comes in yet: no access token is stored; make one with: hmrs token create --role admin --name NAME"
        );
    } else if !has_tokens {
        let (token, is_stored) = first_token(config, store.as_ref());
        let access = Access { name: "first admin".into(), role: Role::Admin, expires_ms: None };
        tokens.insert(auth::token_hash(&token), access.clone());
        if !is_stored {
            unstored.insert(auth::token_hash(&token), access);
        }
    }
    gatekeeper.replace(tokens);
    if let Some(store) = store.clone() {
        actix_rt::spawn(follow_tokens(gatekeeper.clone(), store, unstored));
    }
    Ok(Ground { writer, store, gatekeeper })
}

/// Applies migrations. A database that is away will be caught up with; one that this program must not touch is a
/// reason not to start.
async fn bring_up_to_date(url: DatabaseUrl) -> Result<(), String> {
    match actix_web::web::block(move || crate::store::migrate(&url)).await {
        Ok(Err(error)) if error.is_worth_retrying() => {
            log::warn!("the database is away ({error}); flying without it until it comes");
            Ok(())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) => Ok(()),
        Err(_) => Err("the migration was given up".to_owned()),
    }
}

/// The stored tokens; `None` if the database does not answer now.
async fn stored_tokens(writer: &Writer, store: Option<&Store>) -> Option<HashMap<String, Access>> {
    // The tables are made by the writer's first connection.
    for _ in 0..50 {
        if writer.health().state == DatabaseState::Ok {
            break;
        }
        actix_rt::time::sleep(Duration::from_millis(40)).await;
    }
    if writer.health().state != DatabaseState::Ok {
        return None;
    }
    let store = store?.clone();
    actix_web::web::block(move || read_tokens(&store)).await.ok()?
}

fn read_tokens(store: &Store) -> Option<HashMap<String, Access>> {
    let tokens = store
        .valid_tokens(wall_time_ms())
        .inspect_err(|error| log::warn!("access tokens cannot be read: {error}"))
        .ok()?;
    let access = tokens.into_iter().filter_map(|(hash, token)| {
        let role =
            token.role.parse().inspect_err(|error| log::error!("token {:?}: {error}", token.name)).ok()?;
        Some((hash, Access { name: token.name, role, expires_ms: token.expires_ms }))
    });
    Some(access.collect())
}

async fn follow_tokens(gatekeeper: Tokens, store: Store, unstored: HashMap<String, Access>) {
    loop {
        actix_rt::time::sleep(TOKENS_EVERY).await;
        let store = store.clone();
        if let Ok(Some(mut tokens)) = actix_web::web::block(move || read_tokens(&store)).await {
            tokens.extend(unstored.clone());
            gatekeeper.replace(tokens);
        }
    }
}

/// Makes the admin token of a server that is reached from elsewhere and has none, and shows it once. Says whether it
/// is stored.
fn first_token(config: &ServeConfig, store: Option<&Store>) -> (String, bool) {
    let stored = store.map(|store| create_token(store, Role::Admin, "first admin", None));
    let (token, is_stored) = match stored {
        Some(Ok(token)) => (token, true),
        _ => (auth::new_token(), false),
    };
    let kept = match is_stored {
        true => "stored as a hash; it is shown this once",
        false => "valid until the server stops, since no database keeps it",
    };
    let _ = writeln!(
        std::io::stdout(),
        "\n  Access token (admin, {kept}):\n\n    {token}\n\n  http://{}/#token={token}\n",
        reached_at(config.bind)
    );
    (token, is_stored)
}

/// Makes an access token, stores its hash and returns the token.
///
/// # Errors
/// One sentence, when it cannot be stored.
pub fn create_token(store: &Store, role: Role, name: &str, days: Option<u32>) -> Result<String, String> {
    let (token, now) = (auth::new_token(), wall_time_ms());
    let new = NewToken {
        id: format!("t-{:012x}", rand::random::<u64>() >> 16),
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        sha256: auth::token_hash(&token),
        created_ms: now,
        expires_ms: days.map(|days| now + u64::from(days) * 86_400_000),
    };
    store.create_token(&new).map_err(|error| format!("the token cannot be stored: {error}"))?;
    Ok(token)
}

/// Opens `/admin` to those who show an admin's token, or the password that was set for it.
fn open_admin_page(config: &ServeConfig, io: &SocketIo, gatekeeper: Tokens) -> Result<(), String> {
    if config.admin_page == AdminPage::Off {
        return Ok(());
    }
    let password = config.admin_password.as_deref().map(auth::token_hash);
    if password.is_none() && !gatekeeper.needs_token() {
        return Err(
            "--admin-page: nobody could log in: set HMRS_ADMIN_PASSWORD, or make an access token with \
                    `hmrs token create --role admin --name NAME`"
                .to_owned(),
        );
    }
    let login = move |name: &str, word: &str| {
        // Hashes are compared, so that the time it takes tells nothing about the words.
        let by_password = name == "admin" && password.as_ref() == Some(&auth::token_hash(word));
        let is_admin = || gatekeeper.identify(Some(word)).is_ok_and(|who| who.role == Role::Admin);
        by_password || (gatekeeper.needs_token() && is_admin())
    };
    let mut admin = Admin::with_login(login);
    admin.read_only = config.admin_page == AdminPage::Look;
    admin.shows_events = config.admin_events;
    io.serve_admin(admin);
    log::info!("the Socket.IO admin page may connect to /admin");
    Ok(())
}

fn socketio_config(config: &ServeConfig) -> socketio::Config {
    let listed: Vec<String> = config.allow_origins().map(str::to_owned).collect();
    let allowed_origins = if listed.is_empty() { AllowedOrigins::Same } else { AllowedOrigins::List(listed) };
    let recovery = Recovery {
        window: Duration::from_secs(config.recovery_s),
        // Tokens are revoked and roles change, so whoever comes back is looked at anew.
        skips_middleware: false,
        on_request: true,
        ..Recovery::default()
    };
    socketio::Config {
        allowed_origins,
        node: config.node.clone(),
        deflate: match config.deflate {
            Deflate::Never => socketio::Deflate::Never,
            Deflate::Remote => socketio::Deflate::Remote,
            Deflate::Always => socketio::Deflate::Always,
        },
        recovery: (config.recovery_s > 0).then_some(recovery),
        ..socketio::Config::default()
    }
}

fn origins(config: &ServeConfig) -> Origins {
    // Reached from elsewhere, a server cannot know by which names, unless it is told; tokens then keep strangers out.
    let is_known = config.is_loopback() || config.host_names().next().is_some();
    let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter();
    let names = own.chain([config.bind.ip().to_string()]);
    let names = names.chain(config.host_names().map(str::to_ascii_lowercase));
    Origins {
        hosts: is_known.then(|| Arc::new(names.collect())),
        allowed: Arc::new(config.allow_origins().map(str::to_owned).collect()),
    }
}

/// Where a browser on this machine finds a server that listens on `address`.
fn reached_at(address: std::net::SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

fn greet(config: &ServeConfig, address: std::net::SocketAddr, has_console: bool) {
    if !has_console {
        log::warn!("the console was not built into this program; / shows the lite page (see README.md)");
    }
    let host = reached_at(address);
    let _ = writeln!(
        std::io::stdout(),
        "HMRS {} flies {} at http://{host}/  (stop with Ctrl+C)",
        env!("CARGO_PKG_VERSION"),
        config.scenario
    );
}

async fn wait_for_signal() -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("signals cannot be awaited: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
