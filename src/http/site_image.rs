//! A picture of the site under the console's swarm: one image and where some of its pixels lie, said in a small file.

use std::path::{Path, PathBuf};

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::contract::error::{ApiError, ErrorCode};

use super::Api;

/// Kinds of picture that browsers draw.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];
/// Points that are known: two turn, scale and shift it, three may also shear it, more are fitted as well as they can be.
const POINTS: std::ops::RangeInclusive<usize> = 2..=20;

/// A picture of the site.
#[derive(Debug, Clone)]
pub struct SiteImage {
    image: PathBuf,
    description: Description,
}

/// What the file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// The picture, relative to the file.
    image: PathBuf,
    #[serde(default)]
    attribution: String,
    points: Vec<Point>,
}

/// A pixel, from the upper left corner, and where it lies: `at` in metres east and north of the scenario's origin, or `geo` in
/// degrees of latitude and longitude.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    pixel: [f64; 2],
    at: Option<[f64; 2]>,
    geo: Option<[f64; 2]>,
}

impl SiteImage {
    /// Reads the file that describes it.
    ///
    /// # Errors
    /// One sentence, if it makes no sense.
    pub fn open(path: &Path) -> Result<Self, String> {
        let wrong = |what: String| format!("--site-image {}: {what}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let description: Description =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        description.check().map_err(wrong)?;
        let image = path.parent().unwrap_or(Path::new("")).join(&description.image);
        std::fs::File::open(&image).map_err(|error| wrong(format!("{}: {error}", image.display())))?;
        Ok(Self { image, description })
    }

    /// What a console needs to know of it.
    pub fn config(&self) -> Value {
        let points = self.description.points.iter().map(|point| match (point.at, point.geo) {
            (Some(at), _) => json!({ "pixel": point.pixel, "at": at }),
            (_, geo) => json!({ "pixel": point.pixel, "geo": geo }),
        });
        json!({
            "url": "api/site-image",
            "attribution": self.description.attribution.trim(),
            "points": points.collect::<Vec<_>>(),
        })
    }
}

impl Description {
    fn check(&self) -> Result<(), String> {
        let ending = self.image.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if !ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) {
            return Err(format!("the image {:?} is no .png, .jpg or .webp", self.image));
        }
        if !POINTS.contains(&self.points.len()) {
            return Err(format!("it takes 2 to 20 points, not {}", self.points.len()));
        }
        for (nth, point) in self.points.iter().enumerate() {
            let place = match (point.at, point.geo) {
                (Some(place), None) | (None, Some(place)) => place,
                _ => return Err(format!("point {} has to have either at or geo", nth + 1)),
            };
            if !point.pixel.iter().chain(&place).all(|v| v.is_finite()) {
                return Err(format!("point {} holds something that is no number", nth + 1));
            }
            let near = |other: &Point| other.pixel == point.pixel;
            if self.points[..nth].iter().any(near) {
                return Err(format!("point {} names the same pixel as one before", nth + 1));
            }
        }
        Ok(())
    }
}

/// The picture of the site.
#[utoipa::path(get, path = "/api/site-image", tag = "server",
    responses((status = 200, description = "the picture"), (status = 404, body = ApiError)))]
pub async fn site_image(api: Data<Api>) -> Result<HttpResponse, ApiError> {
    let missing = || ApiError::new(ErrorCode::NotFound, "this server has no picture of its site");
    let path = api.assets.site_image.as_ref().ok_or_else(missing)?.image.clone();
    let kind = mime_guess::from_path(&path).first_or_octet_stream();
    let bytes =
        web::block(move || std::fs::read(path)).await.ok().and_then(Result::ok).ok_or_else(missing)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .content_type(kind)
        .body(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_or_says_what_is_wrong_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("site.json");
        let open = |text: &Value| {
            std::fs::write(&file, text.to_string()).unwrap();
            SiteImage::open(&file)
        };
        let points = [
            json!({ "pixel": [0, 0], "at": [-50, 40.5] }),
            json!({ "pixel": [800, 600], "geo": [47.3977, 8.5456] }),
        ];
        let with = |third: Value| json!({ "image": "yard.png", "points": [points[0], points[1], third] });
        assert!(SiteImage::open(&dir.path().join("x.json")).unwrap_err().starts_with("--site-image "));
        let sound = json!({ "image": "yard.png", "attribution": "Own survey", "points": points });
        assert!(open(&sound).unwrap_err().contains("yard.png"), "it is not there");
        std::fs::write(dir.path().join("yard.png"), b"").unwrap();
        for (text, complaint) in [
            (json!({ "image": "yard.tif", "points": points }), "no .png"),
            (json!({ "image": "yard.png", "points": [points[0]] }), "2 to 20"),
            (with(json!({ "pixel": [1, 0] })), "point 3 has to have either at or geo"),
            (
                with(json!({ "pixel": [1, 0], "at": [0, 0], "geo": [0, 0] })),
                "point 3 has to have either at or geo",
            ),
            (with(json!({ "pixel": [0, 0], "at": [9, 9] })), "point 3 names the same pixel"),
            (json!({ "image": "yard.png", "points": points, "scale": 2 }), "scale"),
            (json!({}), "image"),
        ] {
            let said = open(&text).unwrap_err();
            assert!(said.contains(complaint), "{text}: {said}");
        }
        let config = open(&sound).unwrap().config();
        assert_eq!(config["points"][0], json!({ "pixel": [0.0, 0.0], "at": [-50.0, 40.5] }));
        assert_eq!(config["points"][1]["geo"], json!([47.3977, 8.5456]));
        assert_eq!(
            (&config["url"], &config["attribution"]),
            (&json!("api/site-image"), &json!("Own survey"))
        );
    }
}
