//! Where the local frame stands on the earth: WGS-84 to east-north-up and back.
//!
//! For commands and reports only: nothing inside a tick needs latitude or longitude.

use serde::{Deserialize, Serialize};

use super::Vec3;

const A: f64 = 6_378_137.0;
const F: f64 = 1.0 / 298.257_223_563;
const E2: f64 = F * (2.0 - F);

/// The WGS-84 point at `[0, 0, 0]` of the local frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Latitude in degrees, north positive.
    pub lat: f64,
    /// Longitude in degrees, east positive.
    pub lon: f64,
    /// Height above mean sea level in metres; the geoid is taken to be the ellipsoid.
    pub amsl_m: f64,
}

impl Origin {
    /// East and north of a geodetic point in metres, through ECEF; up is `altitude_m` as given.
    pub fn to_local(&self, lat: f64, lon: f64, altitude_m: f64) -> Vec3 {
        let d = ecef(lat, lon, self.amsl_m + altitude_m) - ecef(self.lat, self.lon, self.amsl_m);
        let [east, north, _] = self.axes();
        Vec3::new(east.dot(d), north.dot(d), altitude_m)
    }

    /// Latitude and longitude in degrees of a local point, exact to a millimetre within 100 km.
    pub fn to_geodetic(&self, position: Vec3) -> (f64, f64) {
        let (mut lat, mut lon) = (self.lat, self.lon);
        for _ in 0..4 {
            let error = position - self.to_local(lat, lon, position.z);
            let sin = libm::sin(lat.to_radians());
            let w2 = 1.0 - E2 * sin * sin;
            let meridian = A * (1.0 - E2) / (w2 * w2.sqrt());
            let parallel = A / w2.sqrt() * libm::cos(lat.to_radians()).max(1e-9);
            lat += (error.y / meridian).to_degrees();
            lon += (error.x / parallel).to_degrees();
        }
        (lat, lon)
    }

    fn axes(&self) -> [Vec3; 3] {
        let (sin_lat, cos_lat) = (libm::sin(self.lat.to_radians()), libm::cos(self.lat.to_radians()));
        let (sin_lon, cos_lon) = (libm::sin(self.lon.to_radians()), libm::cos(self.lon.to_radians()));
        [
            Vec3::new(-sin_lon, cos_lon, 0.0),
            Vec3::new(-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat),
            Vec3::new(cos_lat * cos_lon, cos_lat * sin_lon, sin_lat),
        ]
    }
}

fn ecef(lat: f64, lon: f64, height: f64) -> Vec3 {
    let (sin_lat, cos_lat) = (libm::sin(lat.to_radians()), libm::cos(lat.to_radians()));
    let (sin_lon, cos_lon) = (libm::sin(lon.to_radians()), libm::cos(lon.to_radians()));
    let n = A / (1.0 - E2 * sin_lat * sin_lat).sqrt();
    Vec3::new(
        (n + height) * cos_lat * cos_lon,
        (n + height) * cos_lat * sin_lon,
        (n * (1.0 - E2) + height) * sin_lat,
    )
}

/// Less than this of a horizontal direction points nowhere.
pub const STILL: f64 = 1e-9;

/// Heading in degrees clockwise from north, `0..360`, of a horizontal direction; `None` if there is none.
pub fn heading_deg(direction: Vec3) -> Option<f64> {
    if direction.horizontal_norm() < STILL {
        return None;
    }
    Some(wrap_deg(libm::atan2(direction.x, direction.y).to_degrees()))
}

/// The unit vector that a heading points to.
pub fn direction_of(heading_deg: f64) -> Vec3 {
    let radians = heading_deg.to_radians();
    Vec3::new(libm::sin(radians), libm::cos(radians), 0.0)
}

/// The same angle within `0..360`.
pub fn wrap_deg(angle: f64) -> f64 {
    // Most are within already, and a remainder is as dear as twenty multiplications.
    if (0.0..360.0).contains(&angle) {
        return angle;
    }
    let wrapped = angle % 360.0;
    let positive = if wrapped < 0.0 { wrapped + 360.0 } else { wrapped };
    if positive >= 360.0 { 0.0 } else { positive }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUWAIT: Origin = Origin { lat: 29.3759, lon: 47.9774, amsl_m: 5.0 };

    #[test]
    fn a_minute_of_latitude_is_about_a_nautical_mile() {
        let p = KUWAIT.to_local(KUWAIT.lat + 1.0 / 60.0, KUWAIT.lon, 30.0);
        assert!((p.y - 1847.5).abs() < 2.0 && p.x.abs() < 1e-6, "{p:?}");
        assert_eq!(p.z, 30.0);
    }

    #[test]
    fn there_and_back_is_exact_to_a_millimetre() {
        for (e, n) in [(0.0, 0.0), (120.0, -50.0), (-30_000.0, 70_000.0)] {
            let point = Vec3::new(e, n, 40.0);
            let (lat, lon) = KUWAIT.to_geodetic(point);
            assert!(KUWAIT.to_local(lat, lon, 40.0).distance(point) < 1e-3);
        }
    }

    #[test]
    fn headings_go_clockwise_from_north() {
        for (direction, heading) in
            [((0.0, 1.0), 0.0), ((1.0, 0.0), 90.0), ((0.0, -1.0), 180.0), ((-1.0, 0.0), 270.0)]
        {
            let v = Vec3::new(direction.0, direction.1, 5.0);
            assert!((heading_deg(v).unwrap() - heading).abs() < 1e-9);
            assert!(direction_of(heading).distance(v.horizontal()) < 1e-12);
        }
        assert_eq!(heading_deg(Vec3::UP), None);
        assert_eq!(wrap_deg(-1e-20), 0.0);
    }
}
