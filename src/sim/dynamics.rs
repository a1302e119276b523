//! How a drone moves: a point mass behind a velocity loop, pushed by the wind.
//!
//! The autopilot follows a velocity command with a first-order lag (stepped exactly), within limits of acceleration
//! and jerk. It rejects steady wind; what remains is the part of the wind faster than [`WIND_LAG_S`].

use serde::{Deserialize, Serialize};

use super::Vec3;
use super::drone_type::DroneType;

/// How the bodies of a world move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dynamics {
    /// As quadcopters do: behind a velocity loop with limits, in the wind, on a battery.
    #[default]
    Quad,
    /// As points that have at once whatever velocity they want, for models in their own units.
    Kinematic,
    /// As the robots of Vásárhelyi et al. 2018: a first-order lag with a limit and random acceleration.
    Robotsim,
}

impl Dynamics {
    /// All of them with their names in scenarios.
    pub const ALL: [(&'static str, Dynamics); 3] =
        [("quad", Dynamics::Quad), ("kinematic", Dynamics::Kinematic), ("robotsim", Dynamics::Robotsim)];
}

/// One substep of a point behind a first-order lag (robotsim's robot model; Vásárhelyi et al. 2018): explicit Euler,
/// so the position moves with the velocity from before. `measured` is the velocity that its sensor shows, `kick` the
/// random change of velocity in this substep.
pub fn lag_step(
    body: &mut Body,
    command: Vec3,
    measured: Vec3,
    [lag_s, accel_max]: [f64; 2],
    kick: Vec3,
    dt: f64,
) {
    body.position += body.velocity * dt;
    body.accel = ((command - measured) / lag_s).clamp_norm(accel_max);
    body.velocity += body.accel * dt + kick;
}

/// Standard gravity.
pub const GRAVITY_MPS2: f64 = 9.806_65;
/// How fast the autopilot learns the wind.
pub const WIND_LAG_S: f64 = 2.0;
/// Terminal speed of a drone with stopped motors.
const FALL_MPS_MAX: f64 = 25.0;
/// Part of the acceleration limit that braking plans with; the rest is left to avoidance and lag.
const BRAKING_SHARE: f64 = 0.7;

/// The moving part of a drone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Position.
    pub position: Vec3,
    /// Velocity over ground without the drift that gusts cause.
    pub velocity: Vec3,
    /// Acceleration of the last substep.
    pub accel: Vec3,
    /// Heading in degrees clockwise from north.
    pub heading_deg: f64,
    /// The wind that the autopilot has learnt to reject.
    pub rejected_wind: Vec3,
    /// The drone's own part of the gusts.
    pub gust: Vec3,
}

impl Body {
    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        // Nothing but zero remains of a finite number times zero.
        let parts = [self.position, self.velocity, self.accel, self.rejected_wind, self.gust];
        let rest = parts.iter().fold(Vec3::ZERO, |rest, &part| rest + part * 0.0);
        rest.x + rest.y + rest.z + self.heading_deg * 0.0 == 0.0
    }
}

/// What a substep of a type needs, computed once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    dt: f64,
    /// `(1 - e^(-dt/lag)) / dt`.
    gain: f64,
    /// `1 - e^(-dt/WIND_LAG_S)`.
    wind_gain: f64,
}

impl Response {
    /// The response of `kind` over substeps of `dt` seconds.
    pub fn new(kind: &DroneType, dt: f64) -> Self {
        Response {
            dt,
            gain: (1.0 - libm::exp(-dt / kind.lag_s)) / dt,
            wind_gain: 1.0 - libm::exp(-dt / WIND_LAG_S),
        }
    }

    /// One substep in the air under the velocity command `command` in `wind`; `thrust` scales the limits (1 = sound).
    pub fn fly(&self, body: &mut Body, command: Vec3, wind: Vec3, kind: &DroneType, thrust: f64) {
        let reachable = reachable(command, wind, kind);
        let wanted = ((reachable - body.velocity) * self.gain).clamp_parts(
            kind.accel_mps2_max * thrust,
            kind.climb_accel_mps2_max * thrust,
            kind.climb_accel_mps2_max * thrust,
        );
        body.accel += (wanted - body.accel).clamp_norm(kind.jerk_mps3_max * self.dt);
        body.velocity += body.accel * self.dt;
        self.drift(body, wind);
    }

    /// One substep with stopped motors: gravity, quadratic drag towards the wind.
    pub fn fall(&self, body: &mut Body, wind: Vec3) {
        let through_air = body.velocity - wind;
        let drag = through_air * (-GRAVITY_MPS2 / (FALL_MPS_MAX * FALL_MPS_MAX) * through_air.norm());
        body.accel = drag - Vec3::UP * GRAVITY_MPS2;
        body.velocity += body.accel * self.dt;
        body.position += body.velocity * self.dt;
    }

    fn drift(&self, body: &mut Body, wind: Vec3) {
        body.rejected_wind += (wind - body.rejected_wind) * self.wind_gain;
        body.position += (body.velocity + wind - body.rejected_wind) * self.dt;
    }
}

/// The nearest velocity to `command` that the type can fly in this wind: its speed limits hold through the air.
pub fn reachable(command: Vec3, wind: Vec3, kind: &DroneType) -> Vec3 {
    let command = command.clamp_parts(kind.speed_mps_max, kind.climb_mps_max, kind.descent_mps_max);
    if wind == Vec3::ZERO {
        return command;
    }
    let through_air = (command - wind).horizontal().clamp_norm(kind.speed_mps_max);
    (wind + through_air).at_altitude(command.z)
}

/// The speed from which a drone can still stop within `distance` metres: `p x` near the goal, then the braking
/// parabola at `accel` (Vásárhelyi et al. 2018). Metres, m/s², 1/s; zero for a distance that is not positive.
pub fn braking_speed(distance: f64, accel: f64, p: f64) -> f64 {
    if distance <= 0.0 {
        0.0
    } else if distance * p * p < accel {
        p * distance
    } else {
        (2.0 * accel * distance - accel * accel / (p * p)).sqrt()
    }
}

/// The inverse of [`braking_speed`]: the distance in which a drone comes to rest from `speed` along that curve.
pub fn stopping_distance(speed: f64, accel: f64, p: f64) -> f64 {
    if speed * p < accel { speed / p } else { 0.5 * (speed * speed / accel + accel / (p * p)) }
}

/// Acceleration that braking along the unit vector `direction` may count on.
pub fn braking_accel(kind: &DroneType, direction: Vec3) -> f64 {
    BRAKING_SHARE * along(direction, kind.accel_mps2_max, kind.climb_accel_mps2_max)
}

/// Gain of the braking curve that a velocity loop with this lag follows without overshoot.
pub fn braking_gain(kind: &DroneType) -> f64 {
    0.35 / kind.lag_s
}

/// The largest speed along the unit vector `direction`, given asymmetric limits.
pub fn speed_along(kind: &DroneType, direction: Vec3) -> f64 {
    let vertical = if direction.z > 0.0 { kind.climb_mps_max } else { kind.descent_mps_max };
    along(direction, kind.speed_mps_max, vertical)
}

/// How long a vector along the unit vector `direction` may be if its parts have these limits.
fn along(direction: Vec3, horizontal: f64, vertical: f64) -> f64 {
    let flat = direction.horizontal_norm();
    let by_flat = if flat > 1e-9 { horizontal / flat } else { f64::INFINITY };
    let by_height = if direction.z.abs() > 1e-9 { vertical / direction.z.abs() } else { f64::INFINITY };
    by_flat.min(by_height)
}

/// Turns `heading` towards `goal` by at most `step` degrees.
pub fn turn_towards(heading: f64, goal: f64, step: f64) -> f64 {
    let difference = super::geodesy::wrap_deg(goal - heading + 180.0) - 180.0;
    super::geodesy::wrap_deg(heading + difference.clamp(-step, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quad() -> DroneType {
        DroneType::default()
    }

    #[test]
    fn the_velocity_loop_is_exact_for_any_substep() {
        let kind = DroneType { accel_mps2_max: 100.0, jerk_mps3_max: 1e9, ..quad() };
        for dt in [0.01, 0.02, 0.1] {
            let (response, mut body) = (Response::new(&kind, dt), Body::default());
            for _ in 0..(1.0 / dt) as usize {
                response.fly(&mut body, Vec3::new(1.0, 0.0, 0.0), Vec3::ZERO, &kind, 1.0);
            }
            assert!((body.velocity.x - (1.0 - (-2.0f64).exp())).abs() < 1e-9, "dt {dt}: {}", body.velocity.x);
        }
    }

    #[test]
    fn arrival_along_the_braking_curve_does_not_overshoot() {
        let kind = quad();
        for goal in [0.5, 3.0, 20.0, 200.0] {
            let (response, mut body) = (Response::new(&kind, 0.02), Body::default());
            let mut farthest = 0f64;
            for _ in 0..6000 {
                let way = Vec3::new(goal, 0.0, 0.0) - body.position;
                let direction = way.unit();
                let speed = braking_speed(way.norm(), braking_accel(&kind, direction), braking_gain(&kind));
                response.fly(&mut body, direction * speed.min(kind.speed_mps_max), Vec3::ZERO, &kind, 1.0);
                farthest = farthest.max(body.position.x);
            }
            assert!(farthest < goal * 1.01 + 0.05, "goal {goal}: went to {farthest}");
            assert!((body.position.x - goal).abs() < 0.01, "goal {goal}: rests at {}", body.position.x);
        }
    }

    #[test]
    fn stopping_distances_undo_braking_speeds() {
        for (accel, p) in [(4.16, 3.2), (1.0, 0.5)] {
            for speed in [0.1, 1.0, 4.0, 9.0] {
                let back = braking_speed(stopping_distance(speed, accel, p), accel, p);
                assert!((back - speed).abs() < 1e-12, "{speed}: {back}");
            }
        }
    }

    #[test]
    fn limits_hold_on_every_substep() {
        let (kind, mut body) = (quad(), Body::default());
        let response = Response::new(&kind, 0.02);
        let mut last = body;
        for k in 0..500 {
            let command =
                Vec3::new(if k % 90 < 45 { 50.0 } else { -50.0 }, 30.0, if k % 70 < 35 { 9.0 } else { -9.0 });
            response.fly(&mut body, command, Vec3::ZERO, &kind, 1.0);
            assert!(body.velocity.horizontal_norm() < kind.speed_mps_max + 1e-9);
            assert!(
                body.velocity.z < kind.climb_mps_max + 1e-9 && body.velocity.z > -kind.descent_mps_max - 1e-9
            );
            assert!(body.accel.horizontal_norm() < kind.accel_mps2_max + 1e-9);
            assert!((body.accel - last.accel).norm() < kind.jerk_mps3_max * 0.02 + 1e-9);
            last = body;
        }
    }

    #[test]
    fn steady_wind_is_rejected_and_strong_wind_carries_away() {
        let kind = quad();
        let (response, mut body) = (Response::new(&kind, 0.02), Body::default());
        let breeze = Vec3::new(5.0, 0.0, 0.0);
        for _ in 0..2000 {
            response.fly(&mut body, Vec3::ZERO, breeze, &kind, 1.0);
        }
        let before = body.position;
        for _ in 0..500 {
            response.fly(&mut body, Vec3::ZERO, breeze, &kind, 1.0);
        }
        assert!(body.position.distance(before) < 0.01);
        assert_eq!(reachable(Vec3::ZERO, Vec3::new(14.0, 0.0, 0.0), &kind), Vec3::new(4.0, 0.0, 0.0));
    }

    #[test]
    fn a_falling_drone_reaches_its_terminal_speed() {
        let (response, mut body) = (Response::new(&quad(), 0.02), Body::default());
        for _ in 0..1000 {
            response.fall(&mut body, Vec3::ZERO);
        }
        assert!((body.velocity.z + FALL_MPS_MAX).abs() < 0.1);
    }

    #[test]
    fn headings_turn_the_short_way() {
        assert_eq!(turn_towards(350.0, 10.0, 5.0), 355.0);
        assert_eq!(turn_towards(10.0, 350.0, 5.0), 5.0);
        assert_eq!(turn_towards(10.0, 12.0, 5.0), 12.0);
    }
}
