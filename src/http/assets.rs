//! The console's files: compiled in, or from a folder.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, VARY};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::site_image::SiteImage;
use super::tiles::Tiles;

/// The built console. Empty where it was not built before the server was compiled.
#[derive(RustEmbed)]
#[folder = "frontend/dist/"]
#[allow_missing = true]
struct Console;

/// The page that needs no build.
#[derive(RustEmbed)]
#[folder = "frontend/lite/"]
#[allow_missing = true]
struct Lite;

/// What browsers may load and do: nothing from anywhere else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self'; img-src 'self' data: blob:; \
     style-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Where the console's files come from.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    /// A folder in place of what was compiled in.
    pub console_dir: Option<PathBuf>,
    /// A base map for it.
    pub tiles: Option<Tiles>,
    /// A picture of the site for it.
    pub site_image: Option<SiteImage>,
}

struct Asset {
    bytes: Cow<'static, [u8]>,
    is_gzipped: bool,
}

impl Assets {
    /// A word that changes whenever the console or the server's version does.
    pub fn build(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(env!("CARGO_PKG_VERSION"));
        if let Some(index) = self.console("index.html", false) {
            digest.update(&index.bytes);
        }
        digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether the built console is there; otherwise `/` serves the lite page.
    pub fn has_console(&self) -> bool {
        self.console("index.html", false).is_some()
    }

    fn console(&self, path: &str, accepts_gzip: bool) -> Option<Asset> {
        let read = |path: &str| match &self.console_dir {
            Some(dir) => is_inside(path).then(|| std::fs::read(dir.join(path)).ok().map(Cow::Owned))?,
            None => Console::get(path).map(|file| file.data),
        };
        find(path, accepts_gzip, read)
    }

    fn lite(path: &str) -> Option<Asset> {
        find(path, false, |path| Lite::get(path).map(|file| file.data))
    }
}

fn find(path: &str, accepts_gzip: bool, read: impl Fn(&str) -> Option<Cow<'static, [u8]>>) -> Option<Asset> {
    if accepts_gzip && let Some(bytes) = read(&format!("{path}.gz")) {
        return Some(Asset { bytes, is_gzipped: true });
    }
    read(path).map(|bytes| Asset { bytes, is_gzipped: false })
}

/// No way out of the folder: plain names only.
fn is_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Mounts `/lite/` and, last of all, everything else.
pub fn routes(assets: Assets) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(Data::new(assets))
            .route("/lite", web::get().to(async || web::Redirect::to("/lite/")))
            .route("/lite/{path:.*}", web::get().to(lite))
            .default_service(web::get().to(console));
    }
}

async fn lite(request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    let path = if path.is_empty() { "index.html" } else { path.as_str() };
    match Assets::lite(path) {
        Some(asset) => serve(&request, path, asset),
        None => HttpResponse::NotFound().content_type("text/plain").body("there is no such page\n"),
    }
}

async fn console(request: HttpRequest, assets: Data<Assets>) -> HttpResponse {
    let path = request.path().trim_start_matches('/');
    let accepts_gzip = (request.headers().get("accept-encoding"))
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|coding| coding.trim().starts_with("gzip")));
    if !path.is_empty()
        && let Some(asset) = assets.console(path, accepts_gzip)
    {
        return serve(&request, path, asset);
    }
    // A name with a dot is a file; anything else is a view of the console, which finds its own way.
    if path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
        return HttpResponse::NotFound().content_type("text/plain").body("there is no such file\n");
    }
    match assets.console("index.html", accepts_gzip) {
        Some(asset) => serve(&request, "index.html", asset),
        None if path.is_empty() => {
            HttpResponse::TemporaryRedirect().insert_header(("Location", "/lite/")).finish()
        }
        None => HttpResponse::NotFound()
            .content_type("text/plain")
            .body("the console was not built; see /lite/\n"),
    }
}

fn serve(request: &HttpRequest, path: &str, asset: Asset) -> HttpResponse {
    // Names under assets/ carry a hash of their content; everything else must be asked for again.
    let caching =
        if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tag: String =
        Sha256::digest(&asset.bytes).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CACHE_CONTROL, caching))
        .insert_header((ETAG, tag.clone()))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header(("Content-Security-Policy", CONTENT_SECURITY_POLICY))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Referrer-Policy", "no-referrer"));
    if request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()) == Some(tag.as_str()) {
        return response.status(actix_web::http::StatusCode::NOT_MODIFIED).finish();
    }
    if asset.is_gzipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let kind = if kind.type_() == "text" { format!("{kind}; charset=utf-8") } else { kind.to_string() };
    response.content_type(kind).body(asset.bytes.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        assert!(is_inside("assets/index.js"));
        for outside in ["../secret", "assets/../../secret", "/etc/passwd"] {
            assert!(!is_inside(outside), "{outside}");
        }
    }
}
