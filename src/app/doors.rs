//! Who may come in: stored tokens, the first token, the admin page, and the rule that nothing is open by accident.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{AdminPage, FirstToken, ServeConfig};
use crate::contract::access::{Gatekeeper as _, Proof, Role};
use crate::contract::audit::AuditEntry;
use crate::contract::record::{DatabaseState, Recorder as _};
use crate::gateway::Gateway;
use crate::http::auth::{Access, Tokens, new_token, token_hash};
use crate::http::tokens;
use crate::socketio::{Admin, Holds, SocketIo};
use crate::store::{Store, Writer};
use crate::swarm::wall_time_ms;

/// How often tokens and logins that others made or ended are noticed, and clients looked at whose access has ended.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The keeper that the settings ask for.
pub(super) async fn gatekeeper(
    config: &ServeConfig,
    writer: Option<&Writer>,
    store: Option<&Store>,
) -> Tokens {
    let closed = Tokens::closed();
    if let (Some(writer), Some(store)) = (writer, store) {
        read(&closed, writer, store).await;
    }
    let has_tokens = !closed.is_empty();
    if config.insecure_open || (config.is_loopback() && !has_tokens) {
        if config.is_loopback() {
            log::info!("everyone on this machine is an operator: no access token is stored");
        } else {
            log::warn!("INSECURE: everyone who can reach {} is an operator (--insecure-open)", config.bind);
        }
        return Tokens::open();
    }
    if !has_tokens && config.first_token == FirstToken::None {
        log::warn!(
            "nobody comes in yet: no access token is stored; make one with: hmrs token create --role admin --name NAME"
        );
    } else if !has_tokens {
        first_token(config, &closed, store);
    }
    closed
}

/// Reads the stored tokens, if the database answers now.
async fn read(tokens: &Tokens, writer: &Writer, store: &Store) {
    // The tables are made by the writer's first connection.
    for _ in 0..50 {
        if writer.health().state == DatabaseState::Ok {
            break;
        }
        actix_rt::time::sleep(Duration::from_millis(40)).await;
    }
    if writer.health().state == DatabaseState::Ok {
        refresh(tokens, store).await;
    }
}

async fn refresh(tokens: &Tokens, store: &Store) {
    let (tokens, store) = (tokens.clone(), store.clone());
    let read = actix_web::web::block(move || tokens.refresh(&store)).await;
    if let Ok(Err(error)) = read {
        log::warn!("access tokens cannot be read: {error}");
    }
}

/// Notices what changes about who may come in, and puts out who may not be here any more.
pub(super) async fn follow(tokens: Tokens, store: Option<Store>, gateway: Gateway) {
    if !tokens.needs_token() {
        return;
    }
    loop {
        actix_rt::time::sleep(LOOK_EVERY).await;
        if let Some(store) = &store {
            refresh(&tokens, store).await;
        }
        gateway.put_out();
    }
}

/// Makes the admin token of a server that is reached from elsewhere and has none, and shows it once.
fn first_token(config: &ServeConfig, gatekeeper: &Tokens, store: Option<&Store>) {
    let made =
        store.map(|store| create_token(store, &config.server_name(), Role::Admin, "first admin", None));
    let (token, id, is_stored) = match made {
        Some(Ok((token, id))) => (token, id, true),
        _ => (new_token(), "t-first".to_owned(), false),
    };
    let kept = match is_stored {
        true => "stored as a hash; it is shown this once",
        false => "valid until the server stops, since no database keeps it",
    };
    let access =
        Access { id: Arc::from(id), name: "first admin".into(), role: Role::Admin, expires_ms: None };
    let hash = token_hash(&token);
    match is_stored {
        true => gatekeeper.replace([(hash, access)].into()),
        false => gatekeeper.lend(hash, access),
    }
    let _ = writeln!(
        std::io::stdout(),
        "\n  Access token (admin, {kept}):\n\n    {token}\n\n  http://{}/#token={token}\n",
        super::reached_at(config.bind)
    );
}

/// Makes an access token, stores its hash and returns the token and its id.
///
/// # Errors
/// One sentence, when it cannot be stored.
pub fn create_token(
    store: &Store,
    server: &str,
    role: Role,
    name: &str,
    days: Option<u32>,
) -> Result<(String, String), String> {
    let (token, new) = tokens::make(role, name, days);
    store.create_token(&new).map_err(|error| format!("the token cannot be stored: {error}"))?;
    note(store, server, "create", &new.id, format!("{} {name:?}", role.as_str()));
    Ok((token, new.id))
}

/// Enters a change of a token, made on this machine, into the audit trail.
pub fn note(store: &Store, server: &str, what: &str, token: &str, detail: String) {
    let wall_time_ms = wall_time_ms();
    let text = str::to_owned;
    let entry = AuditEntry {
        id: AuditEntry::new_id(wall_time_ms),
        wall_time_ms,
        who: text("command line"),
        role: text("admin"),
        token: String::new(),
        address: String::new(),
        via: text("cli"),
        kind: text("token"),
        what: text(what),
        subject: text(token),
        result: text("ok"),
        detail,
    };
    if let Err(error) = store.note(&entry.cut(), server) {
        log::error!("the audit trail lacks: token {what} {token}: {error}");
    }
}

/// Opens `/admin` to those who show an admin's token, or the password that was set for it.
pub(super) fn open_admin_page(config: &ServeConfig, io: &SocketIo, gatekeeper: Tokens) -> Result<(), String> {
    if config.admin_page == AdminPage::Off {
        return Ok(());
    }
    let password = config.admin_password.as_deref().map(token_hash);
    if password.is_none() && !gatekeeper.needs_token() {
        return Err(
            "--admin-page: nobody could log in: set HMRS_ADMIN_PASSWORD, or make an access token with \
                    `hmrs token create --role admin --name NAME`"
                .to_owned(),
        );
    }
    let login = move |name: &str, word: &str| {
        // Hashes are compared, so that the time it takes tells nothing about the words.
        if name == "admin" && password.as_ref() == Some(&token_hash(word)) {
            return Some(Arc::new(|| true) as Holds);
        }
        let is_admin = gatekeeper.needs_token();
        let identity =
            gatekeeper.identify(Proof::Token(word)).ok().filter(|who| is_admin && who.role == Role::Admin)?;
        let gatekeeper = gatekeeper.clone();
        Some(Arc::new(move || gatekeeper.recheck(&identity).is_ok()) as Holds)
    };
    let mut admin = Admin::with_passes(login);
    admin.read_only = config.admin_page == AdminPage::Look;
    admin.shows_events = config.admin_events;
    io.serve_admin(admin);
    log::info!("the Socket.IO admin page may connect to /admin");
    Ok(())
}
