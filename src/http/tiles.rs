//! A base map from a folder of tiles, `{z}/{x}/{y}.png` as every tool that cuts maps writes them: no request leaves the site.

use std::path::{Path as FilePath, PathBuf};

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use crate::contract::error::{ApiError, ErrorCode};

use super::Api;

/// Kinds of picture that browsers draw.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];
/// The finest zoom that anybody cuts.
const ZOOM_MAX: u8 = 24;
/// Beside the tiles: whom to name for them, one line.
const ATTRIBUTION: &str = "attribution.txt";

/// A folder of tiles in Web Mercator.
#[derive(Debug, Clone)]
pub struct Tiles {
    dir: PathBuf,
    ending: String,
    zooms: (u8, u8),
    attribution: String,
}

impl Tiles {
    /// Looks what is in a folder.
    ///
    /// # Errors
    /// One sentence, if there are no tiles in it.
    pub fn open(dir: &FilePath) -> Result<Self, String> {
        let wrong = |what: String| format!("--tiles-dir {}: {what}", dir.display());
        let names = names_in(dir).map_err(|error| wrong(error.to_string()))?;
        let zooms = || names.iter().filter_map(|name| name.parse::<u8>().ok()).filter(|z| *z <= ZOOM_MAX);
        let (Some(min), Some(max)) = (zooms().min(), zooms().max()) else {
            return Err(wrong("there is no folder of a zoom in it, such as 16 with 16/X/Y.png".to_owned()));
        };
        let ending = ending_of(&dir.join(max.to_string()))
            .ok_or_else(|| wrong(format!("{max} holds no X/Y.png, .jpg or .webp")))?;
        let attribution = std::fs::read_to_string(dir.join(ATTRIBUTION)).unwrap_or_default();
        let attribution = attribution.lines().next().unwrap_or_default().trim().to_owned();
        Ok(Self { dir: dir.to_owned(), ending, zooms: (min, max), attribution })
    }

    /// What a console needs to know of them.
    pub fn config(&self) -> Value {
        json!({
            "url": format!("api/tiles/{{z}}/{{x}}/{{y}}.{}", self.ending),
            "zoom_min": self.zooms.0,
            "zoom_max": self.zooms.1,
            "attribution": self.attribution,
        })
    }
}

fn names_in(dir: &FilePath) -> std::io::Result<Vec<String>> {
    std::fs::read_dir(dir)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// The ending of the first picture in the folder of a zoom.
fn ending_of(zoom: &FilePath) -> Option<String> {
    names_in(zoom).ok()?.iter().find_map(|column| {
        let names = names_in(&zoom.join(column)).ok()?;
        names.iter().find_map(|name| {
            let (number, ending) = name.rsplit_once('.')?;
            (number.parse::<u32>().is_ok() && ENDINGS.contains(&ending)).then(|| ending.to_owned())
        })
    })
}

/// One tile of the base map.
#[utoipa::path(get, path = "/api/tiles/{z}/{x}/{y}", tag = "server",
    params(("z" = u8, Path), ("x" = u32, Path), ("y" = String, Path, description = "number and ending: 5.png")),
    responses((status = 200, description = "the picture"), (status = 404, body = ApiError)))]
pub async fn tile(api: Data<Api>, place: Path<(String, String, String)>) -> Result<HttpResponse, ApiError> {
    let missing = || ApiError::new(ErrorCode::NotFound, "there is no such tile");
    let tiles = api.assets.tiles.as_ref().ok_or_else(missing)?;
    let (z, x, name) = place.into_inner();
    let (y, ending) = name.rsplit_once('.').ok_or_else(missing)?;
    // Numbers only: no name leads out of the folder.
    let [Ok(z), Ok(x), Ok(y)] = [z, x, y.to_owned()].map(|number| number.parse::<u32>()) else {
        return Err(missing());
    };
    if ending != tiles.ending {
        return Err(missing());
    }
    let path = tiles.dir.join(format!("{z}/{x}/{y}.{ending}"));
    let bytes = std::fs::read(&path).map_err(|_| missing())?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "private, max-age=86400"))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .content_type(mime_guess::from_path(&path).first_or_octet_stream())
        .body(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_tiles_says_what_it_holds_or_what_is_wrong_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Tiles::open(dir.path());
        assert!(open().unwrap_err().contains("no folder of a zoom"));
        assert!(Tiles::open(&dir.path().join("x")).unwrap_err().starts_with("--tiles-dir "));
        std::fs::create_dir_all(dir.path().join("9/3")).unwrap();
        std::fs::create_dir_all(dir.path().join("16/33000")).unwrap();
        assert!(open().unwrap_err().contains("16 holds no X/Y.png"));
        std::fs::write(dir.path().join("16/33000/21000.jpg"), b"").unwrap();
        std::fs::write(dir.path().join(ATTRIBUTION), "© people\nmore\n").unwrap();
        let config = open().unwrap().config();
        assert_eq!(config["url"], "api/tiles/{z}/{x}/{y}.jpg");
        assert_eq!((&config["zoom_min"], &config["zoom_max"]), (&json!(9), &json!(16)));
        assert_eq!(config["attribution"], "© people");
    }
}
