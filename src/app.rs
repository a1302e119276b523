//! Wiring: makes the parts of a live server, joins them, and takes them apart again in order.

mod doors;
mod flood;
mod logging;
mod recovery;
mod upkeep;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Service as _, ServiceRequest};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Carrier, Deflate, ServeConfig};
use crate::contract::access::Gatekeeper;
use crate::contract::archive::Archive;
use crate::contract::error::ApiError;
use crate::contract::record::{DatabaseState, NoRecorder, Recorder};
use crate::gateway::limits::{Allowances, Rate};
use crate::gateway::{Commons, DEFAULT_SWARM, Gateway};
use crate::http::assets::Assets;
use crate::http::auth::Tokens;
use crate::http::site_image::SiteImage;
use crate::http::tiles::Tiles;
use crate::http::{self, Api, Origins, Proxies};
use crate::socketio::{self, AllowedOrigins, Recovery, SocketIo};
use crate::store::{DatabaseUrl, Library, Limits, Store, StoreConfig, Writer, WriterConfig};
use crate::swarm::{Beginning, Settings, Shelf};

pub use doors::{create_token, note};

/// From the signal to the end of the process everything must fit into the 10 s that container engines grant.
const FAREWELL_SPREAD: Duration = Duration::from_millis(1500);
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(5);
const HTTP_WAIT_MAX_S: u64 = 1;
/// What one client may send a second, in packets and bytes; twice as much at once. A console sends some fifty packets: an
/// answer to each frame, and what its operator does.
const PACKETS_PER_S: u32 = 5000;
const BYTES_PER_S: u32 = 4_000_000;
/// Events that may wait for one client, within the bound on their bytes. Each command is told to everyone three times, when it
/// is given, in the log and when it ends: a client that is slow for a second must outlast a burst of them.
const OUTBOX_PACKETS_MAX: usize = 4096;
/// Connections that one worker thread holds.
const CONNECTIONS_MAX: usize = 25_000;

/// Flies a swarm live until SIGTERM or SIGINT.
///
/// # Errors
/// One sentence saying what could not be started, or what was lost in stopping.
pub fn serve(config: ServeConfig) -> Result<(), String> {
    logging::begin(config.log_format);
    actix::System::new().block_on(run(config))
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
    let tiles = config.tiles_dir.as_deref().map(Tiles::open).transpose()?;
    let site_image = config.site_image.as_deref().map(SiteImage::open).transpose()?;
    let assets = Assets { console_dir: config.console_dir.clone(), tiles, site_image };
    let io = SocketIo::new(socketio_config(&config));
    doors::open_admin_page(&config, &io, ground.gatekeeper.clone())?;
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
        allowances: Arc::new(Allowances::new(Rate {
            per_second: config.commands_per_s,
            burst: config.commands_burst,
        })),
        command_latency: Arc::default(),
        build: assets.build().into(),
    });
    fly(&config, &ground, &gateway, template).await.map_err(|error| error.to_string())?;
    let has_console = assets.has_console();
    let api = Api::new(gateway.clone(), ground.store.clone(), assets, ground.gatekeeper.clone());
    actix_rt::spawn(doors::follow(ground.gatekeeper.clone(), ground.store.clone(), gateway.clone()));
    let server = listen(&config, listener, api, &io)?;
    let handle = server.handle();
    let serving = actix_rt::spawn(server);
    greet(&config, address, has_console);

    wait_for_signal().await?;
    log::info!("stopping: no new clients, no commands, telling the others to come back later");
    gateway.drain();
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
    let (origins, mount, gateway) = (origins(config), io.clone(), api.gateway.clone());
    let proxies = Proxies::new(config.trusted_proxies.clone());
    let app = move || {
        let (origins, proxies, gateway) = (origins.clone(), proxies.clone(), gateway.clone());
        // The last one comes first.
        App::new()
            .wrap(from_fn(move |request, next| http::gate(gateway.clone(), request, next)))
            .wrap(from_fn(move |request, next| http::guard(origins.clone(), request, next)))
            .wrap(from_fn(http::trace))
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
        .keep_alive(socketio::KEEP_ALIVE)
        // An abandoned poll must end its session at once, and not after the poll.
        .h1_allow_half_closed(false)
        .on_connect(io.on_connect())
        .disable_signals()
        .shutdown_timeout(HTTP_WAIT_MAX_S)
        .listen(listener)
        .map_err(cannot)?;
    Ok(server.run())
}

/// The database, and who may come in.
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
    let gatekeeper = doors::gatekeeper(config, writer.as_ref(), store.as_ref()).await;
    if let Some(store) = &store {
        upkeep::keep_up(config, store);
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
        limits: socketio::Limits {
            packets_per_s: PACKETS_PER_S,
            bytes_per_s: BYTES_PER_S,
            outbox_packets_max: OUTBOX_PACKETS_MAX,
            ..socketio::Limits::default()
        },
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
