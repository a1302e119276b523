//! Places around a point for those who share it.

use super::super::Vec3;

/// Beyond this number, places are given in order instead of by distance, which would cost drones².
const MATCH_MAX: usize = 2000;
/// Refused places are skipped; after this many per drone the search gives up.
const TRIES: usize = 20;

/// The places of a hexagonal pattern around zero, `spacing` apart: the middle, then ring after ring,
/// each counter-clockwise from the east.
pub(super) fn hexagons(spacing: f64) -> impl Iterator<Item = Vec3> {
    const SIXTH: [(f64, f64); 6] = [
        (-0.5, 0.866_025_403_784_438_6),
        (-1.0, 0.0),
        (-0.5, -0.866_025_403_784_438_6),
        (0.5, -0.866_025_403_784_438_6),
        (1.0, 0.0),
        (0.5, 0.866_025_403_784_438_6),
    ];
    let ring = move |k: u32| {
        let k = f64::from(k);
        let mut at = (k, 0.0);
        SIXTH.into_iter().flat_map(move |(dx, dy)| {
            let start = at;
            at = (at.0 + k * dx, at.1 + k * dy);
            (0..k as u32).map(move |i| (start.0 + f64::from(i) * dx, start.1 + f64::from(i) * dy))
        })
    };
    std::iter::once((0.0, 0.0))
        .chain((1..).flat_map(ring))
        .map(move |(x, y)| Vec3::new(x * spacing, y * spacing, 0.0))
}

/// `count` places around `middle` to which nobody objects, in the order of the pattern. Fewer if there are none left.
pub(super) fn places(middle: Vec3, spacing: f64, count: usize, refused: impl Fn(Vec3) -> bool) -> Vec<Vec3> {
    hexagons(spacing)
        .take(count * TRIES + 200)
        .map(|o| middle + o)
        .filter(|&p| !refused(p))
        .take(count)
        .collect()
}

/// Which place each drone takes: in the order of the list the nearest that is still free.
pub(super) fn assign(drones: &[Vec3], places: &[Vec3]) -> Vec<usize> {
    if drones.len() > MATCH_MAX {
        return (0..drones.len()).collect();
    }
    let mut free: Vec<usize> = (0..places.len()).collect();
    drones
        .iter()
        .map(|drone| {
            let distance = |&k: &usize| (places[k] - *drone).norm2();
            let nearest = (0..free.len()).min_by(|&a, &b| distance(&free[a]).total_cmp(&distance(&free[b])));
            nearest.map_or(0, |k| free.remove(k))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_a_spacing_apart_and_as_near_as_can_be() {
        let places: Vec<Vec3> = hexagons(4.0).take(61).collect();
        assert_eq!(places[0], Vec3::ZERO);
        for (i, a) in places.iter().enumerate() {
            let nearest =
                places[..i].iter().chain(&places[i + 1..]).map(|b| a.distance(*b)).fold(f64::MAX, f64::min);
            assert!((nearest - 4.0).abs() < 1e-9, "place {i}: {nearest}");
            // 61 places are the middle and four full rings.
            assert!(a.norm() <= 16.0 + 1e-9);
        }
    }

    #[test]
    fn refused_places_are_left_out_and_everyone_gets_a_place_of_their_own() {
        let places = places(Vec3::new(10.0, 0.0, 5.0), 2.0, 10, |p| p.x < 10.0);
        assert_eq!(places.len(), 10);
        assert!(places.iter().all(|p| p.x >= 10.0 && p.z == 5.0));
        let mut taken = assign(&[Vec3::new(30.0, 0.0, 0.0); 10], &places);
        taken.sort_unstable();
        assert_eq!(taken, (0..10).collect::<Vec<_>>());
    }
}
