//! Every figure once: name, label, unit, how often it is taken, its formula, and where it is kept.

use super::Metrics;

/// How often a figure is taken, in simulated time. Longer ticks take every figure each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// Every tick.
    Tick,
    /// Five times a second.
    FiveHz,
    /// Once a second.
    OneHz,
}

/// One figure.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct MetricSpec {
    /// Name on the wire and in files.
    pub name: &'static str,
    /// Name for people.
    pub label: &'static str,
    /// Unit, empty for a plain number.
    pub unit: &'static str,
    /// How often it is taken.
    pub rate: Rate,
    /// What is computed, in words and symbols.
    pub formula: &'static str,
    /// Its value.
    #[serde(skip)]
    pub read: fn(&Metrics) -> Option<f64>,
}

const fn metric(
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    rate: Rate,
    formula: &'static str,
    read: fn(&Metrics) -> Option<f64>,
) -> MetricSpec {
    MetricSpec { name, label, unit, rate, formula, read }
}

use Rate::{FiveHz, OneHz, Tick};

/// Every figure, in the order of columns in files: append. Sums run over airborne drones unless something else is
/// said; r position, v velocity, v̂ its unit vector, N drones in the air, c their mean position. Links join drones
/// nearer than `metrics.link_m`.
pub static METRICS: [MetricSpec; 47] = [
    metric("airborne", "In the air", "", Tick, "N", |m| Some(f64::from(m.airborne))),
    metric("battery_min_pct", "Lowest charge", "%", Tick, "least charge of any drone", |m| m.battery_min_pct),
    metric("battery_mean_pct", "Mean charge", "%", Tick, "mean charge of all drones", |m| m.battery_mean_pct),
    metric("polarization", "Polarization", "", Tick, "|Σ v̂_i| / N", |m| m.polarization),
    metric("separation_min_m", "Smallest distance", "m", Tick, "min r_ij, if below 24 m", |m| {
        m.separation_min_m
    }),
    metric("cohesion_radius_m", "Cohesion radius", "m", Tick, "max |r_i − c|", |m| m.cohesion_radius_m),
    metric(
        "near_misses",
        "Near misses",
        "",
        Tick,
        "times that a pair came nearer than limits.near_miss_m; it parts at 1.1 of that",
        |m| Some(m.near_misses as f64),
    ),
    metric(
        "collisions",
        "Collisions",
        "",
        Tick,
        "times that a pair came nearer than the sum of its radii; it parts at 1.1 of that",
        |m| Some(m.collisions as f64),
    ),
    metric("fence_breaches", "Fence breaches", "", Tick, "times that a drone crossed a fence", |m| {
        Some(m.fence_breaches as f64)
    }),
    metric("polarization_floor", "Polarization by chance", "", FiveHz, "√(π / 4N), in the plane", |m| {
        m.order.polarization_floor
    }),
    metric("milling", "Milling", "", FiveHz, "|Σ û(r_i − c) × v̂_i| / N", |m| m.order.milling),
    metric("gyration_m", "Radius of gyration", "m", FiveHz, "√(Σ |r_i − c|² / N)", |m| {
        m.order.gyration_m
    }),
    metric(
        "velocity_correlation",
        "Velocity correlation",
        "",
        FiveHz,
        "mean of v̂_i · v̂_j over linked pairs",
        |m| m.order.velocity_correlation,
    ),
    metric("velocity_mismatch", "Velocity mismatch", "m²/s²", FiveHz, "½ Σ |v_i − v̄|² / N", |m| {
        m.order.velocity_mismatch
    }),
    metric("speed_mean_mps", "Mean speed", "m/s", FiveHz, "Σ |v_i| / N", |m| m.order.speed_mean_mps),
    metric("nearest_mean_m", "Nearest neighbour", "m", FiveHz, "mean of min_j r_ij", |m| {
        m.order.nearest_mean_m
    }),
    metric("nearest_sd_m", "Spread of nearest neighbours", "m", FiveHz, "s. d. of min_j r_ij", |m| {
        m.order.nearest_sd_m
    }),
    metric("components", "Groups", "", FiveHz, "n_c, parts of the graph of links", |m| {
        m.order.components.map(f64::from)
    }),
    metric("largest_share", "Largest group", "", FiveHz, "share of N in the largest part", |m| {
        m.order.largest_share
    }),
    metric(
        "union",
        "Union",
        "",
        FiveHz,
        "(N − n_c) / (N − 1), the rank of the Laplacian over N − 1",
        |m| m.order.union,
    ),
    metric("lonely", "Without a link", "", FiveHz, "drones without a link", |m| {
        m.order.lonely.map(f64::from)
    }),
    metric("link_mean_m", "Length of links", "m", FiveHz, "mean of r_ij over links", |m| m.order.link_mean_m),
    metric("link_sd_m", "Spread of links", "m", FiveHz, "s. d. of r_ij over links", |m| m.order.link_sd_m),
    metric(
        "lattice_deviation",
        "Deviation from the lattice",
        "",
        FiveHz,
        "Σ (r_ij − d)² / d² / (|E| + 1) over the pairs E with r_ij ≤ 1.2 d, both ways; d = metrics.lattice_m",
        |m| m.order.lattice_deviation,
    ),
    metric("flight_hours", "Time in the air", "h", FiveHz, "Σ time in the air", |m| m.flight.flight_hours),
    metric("distance_km", "Way flown", "km", FiveHz, "Σ ∫ |v_i| dt", |m| m.flight.distance_km),
    metric("energy_wh", "Energy used", "Wh", FiveHz, "Σ ∫ P(airspeed, climb) dt in the air", |m| {
        m.flight.energy_wh
    }),
    metric("energy_wh_per_km", "Energy for a kilometre", "Wh/km", FiveHz, "energy over way", |m| {
        m.flight.energy_wh_per_km
    }),
    metric(
        "flight_time_left_s",
        "Flight time left",
        "s",
        FiveHz,
        "least of charge over present power, airborne drones",
        |m| m.flight.flight_time_left_s,
    ),
    metric(
        "collisions_per_flight_hour",
        "Collisions in an hour of flight",
        "1/h",
        FiveHz,
        "collisions over flight hours",
        |m| m.flight.collisions_per_flight_hour,
    ),
    metric("danger_ratio", "Pairs in danger", "", FiveHz, "pairs in a near miss over N(N−1)/2", |m| {
        m.flight.danger_ratio
    }),
    metric("safety", "Safety", "", FiveHz, "1 − collisions / (N(N−1)/2)", |m| m.flight.safety),
    metric(
        "formation_rms_m",
        "Formation error",
        "m",
        FiveHz,
        "√(mean |r_i − slot_i|²) of those who fly formation",
        |m| m.flight.formation_rms_m,
    ),
    metric("formation_max_m", "Largest formation error", "m", FiveHz, "max |r_i − slot_i|", |m| {
        m.flight.formation_max_m
    }),
    metric(
        "delivered_share",
        "Messages delivered",
        "",
        FiveHz,
        "delivered over expected, among those of one behaviour within radio.range_m (metrics.link_m if that is 0)",
        |m| m.flight.delivered_share,
    ),
    metric("information_age_s", "Age of information", "s", FiveHz, "mean age of what was delivered", |m| {
        m.flight.information_age_s
    }),
    metric(
        "connectivity",
        "Algebraic connectivity",
        "",
        OneHz,
        "λ₂ of the Laplacian of the links (Lanczos); 0 in parts",
        |m| m.slow.connectivity,
    ),
    metric(
        "covered_share",
        "Site covered",
        "",
        OneHz,
        "cells of the first keep-in fence that a type with `scan` has seen, over all; side metrics.cell_m, camera 60°",
        |m| m.slow.covered_share,
    ),
    metric("revisit_mean_s", "Age of coverage", "s", OneHz, "mean time since a covered cell was seen", |m| {
        m.slow.revisit_mean_s
    }),
    metric("revisit_p95_s", "Oldest coverage", "s", OneHz, "95th percentile of that time", |m| {
        m.slow.revisit_p95_s
    }),
    metric(
        "lloyd_energy",
        "Coverage energy",
        "",
        OneHz,
        "∫ min_i |q − r_i|² dq of those who fly lloyd over 5/(18√3) A²/N, which nothing can beat",
        |m| m.slow.lloyd_energy,
    ),
    metric(
        "vasarhelyi_speed_mps",
        "Flock: mean speed",
        "m/s",
        FiveHz,
        "φ_vel = Σ |v_i| / N, here and below over those who fly vasarhelyi",
        |m| m.flock.vasarhelyi_speed_mps,
    ),
    metric(
        "vasarhelyi_danger",
        "Flock: pairs in danger",
        "",
        FiveHz,
        "φ_coll, share of pairs with r_ij < metrics.collision_m",
        |m| m.flock.vasarhelyi_danger,
    ),
    metric(
        "vasarhelyi_outside_m",
        "Flock: outside the arena",
        "m",
        FiveHz,
        "φ_wall, mean distance outside the arena",
        |m| m.flock.vasarhelyi_outside_m,
    ),
    metric(
        "vasarhelyi_correlation",
        "Flock: correlation",
        "",
        OneHz,
        "φ_corr, mean of v̂_i · v̂_j over the others of i's cluster, then over i; clusters join drones nearer than friction_m and the way to stop from flock_mps",
        |m| m.flock.vasarhelyi_correlation,
    ),
    metric(
        "vasarhelyi_cluster_min",
        "Flock: smallest cluster",
        "",
        OneHz,
        "N_min, drones in the smallest cluster",
        |m| m.flock.vasarhelyi_cluster_min.map(f64::from),
    ),
    metric(
        "vasarhelyi_disconnected",
        "Flock: disconnected",
        "",
        OneHz,
        "N_disc, drones alone in their cluster",
        |m| m.flock.vasarhelyi_disconnected.map(f64::from),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_figure_on_the_wire_and_reads_it() {
        let mut json = serde_json::to_value(Metrics::default()).unwrap();
        let object = json.as_object_mut().unwrap();
        object.remove("alerts");
        let mut names: Vec<&str> = METRICS.iter().map(|m| m.name).collect();
        names.sort_unstable();
        assert_eq!(object.keys().map(String::as_str).collect::<Vec<_>>(), names);
        for (k, spec) in METRICS.iter().enumerate() {
            // A value that no other figure has, through the wire and back.
            let mut json = serde_json::to_value(Metrics::default()).unwrap();
            json[spec.name] = serde_json::json!(k + 1000);
            let metrics: Metrics = serde_json::from_value(json).unwrap();
            assert_eq!((spec.read)(&metrics), Some((k + 1000) as f64), "{}", spec.name);
        }
    }
}
