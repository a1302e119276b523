//! Commands: whom they are for, whether they make sense, and those that concern no single flight.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::super::command::{Applied, Command, CommandError, ErrorCode, Fault};
use super::super::drone::{Mission, Waypoint};
use super::super::formation::Shape;
use super::super::params::Limit;
use super::super::polygon::{self, Point};
use super::super::predicate::{Predicate, Subject};
use super::super::scenario::{DRONES_MAX, GOAL_ALTITUDE_MIN, POSITION_MAX, WAYPOINTS_MAX, objection_to_name};
use super::super::{Level, Progress, Targets, Vec3, Verdict, WindSpec, behaviour};
use super::{World, tuning};

/// Most drones in one `spawn`.
const SPAWN_MAX: u32 = 10_000;
/// Longest duration of anything.
const DURATION_S_MAX: f64 = 86_400.0;
const SPEED_MPS_MAX: f64 = 100.0;
/// Most corners of a region.
const CORNERS_MAX: usize = 200;

impl World {
    /// Takes a command between two ticks. An error changes nothing. `ticket` names the command in [`Progress`].
    /// O(targets), except that adding and removing drones costs O(drones).
    pub fn apply(
        &mut self,
        command: &Command,
        targets: &Targets,
        ticket: u64,
    ) -> Result<Applied, CommandError> {
        let chosen = match self.plan(command, targets)? {
            Plan::World => return self.change_world(command),
            Plan::Spawn(ids, places) => return Ok(self.spawn(command, ids, &places)),
            Plan::Drones(chosen) => chosen,
        };
        let results = match command {
            Command::Remove {} => return Ok(Applied::to(self.remove(&chosen, ticket))),
            Command::Group { name } => self.regroup(&chosen, name, ticket),
            Command::IntentMissed {} => self.note_missed(&chosen),
            Command::Goto { .. } => self.send(&chosen, command, ticket),
            Command::Formation { .. } => self.form_up(&chosen, command, ticket),
            Command::Scan { .. } => self.sweep(&chosen, command, ticket),
            _ => {
                if let Command::SetBehavior { behavior, params } = command {
                    for (name, value) in params {
                        self.set_param(name, &format!("behavior.{behavior}.{name}"), *value)?;
                    }
                }
                chosen.iter().map(|&index| self.order(index, command, ticket)).collect()
            }
        };
        // Modes and ground contact are part of what others see.
        chosen.iter().for_each(|&index| self.show(index));
        Ok(Applied::to(results))
    }

    /// The error of [`World::apply`], without doing anything. Copies nothing.
    pub fn vet(&self, command: &Command, targets: &Targets) -> Result<(), CommandError> {
        self.plan(command, targets).map(|_| ())
    }

    /// What [`World::apply`] would answer, without doing it. Copies the world: for dry runs.
    pub fn check(&self, command: &Command, targets: &Targets) -> Result<Applied, CommandError> {
        self.clone().apply(command, targets, 0)
    }

    /// Everything that can be found out about a command before something changes, with every error that it may have.
    fn plan(&self, command: &Command, targets: &Targets) -> Result<Plan, CommandError> {
        self.validate(command)?;
        match command {
            Command::SetParam { .. }
            | Command::SetEnvironment { .. }
            | Command::SetFence { .. }
            | Command::RemoveFence { .. }
            | Command::GodView { .. } => Ok(Plan::World),
            Command::UndoParam { path } => self.last_change(path.as_deref()).map(|_| Plan::World),
            Command::Spawn { kind, count, position, name, .. } => {
                let ids = self.new_ids(kind, count.unwrap_or(1) as usize, name.as_deref())?;
                let places = self.free_places(position.unwrap_or_else(|| self.apron()), ids.len())?;
                Ok(Plan::Spawn(ids, places))
            }
            _ => self.resolve(targets).map(Plan::Drones),
        }
    }

    fn change_world(&mut self, command: &Command) -> Result<Applied, CommandError> {
        match command {
            Command::SetParam { path, value } => self.set_param("value", path, *value)?,
            Command::UndoParam { path } => self.undo_param(path.as_deref())?,
            Command::SetEnvironment { wind_mps, wind_from_deg, gust_mps } => {
                self.set_wind(*wind_mps, *wind_from_deg, *gust_mps);
            }
            Command::SetFence { .. } | Command::RemoveFence { .. } => self.redraw(command),
            Command::GodView { on } => self.set_god_view(*on),
            _ => {}
        }
        Ok(Applied::default())
    }

    /// Where drones appear if nobody says where: beside the home of the oldest one.
    fn apron(&self) -> Vec3 {
        self.drones.first().map_or_else(Vec3::default, |oldest| oldest.home)
    }

    /// The places of the targets in order of creation, each once.
    fn resolve(&self, targets: &Targets) -> Result<Vec<usize>, CommandError> {
        let all = 0..self.drones.len();
        match targets {
            Targets::All => Ok(all.collect()),
            Targets::Ids(ids) => {
                if ids.is_empty() {
                    return Err(CommandError::new(ErrorCode::BadRequest, "targets", "the list is empty"));
                }
                let find = |(i, id): (usize, &String)| {
                    self.index_of(id).ok_or_else(|| {
                        let message = format!("no drone has the id {:?}", shorten(id));
                        CommandError::new(ErrorCode::UnknownDrone, &format!("targets[{i}]"), message)
                    })
                };
                let mut chosen = ids.iter().enumerate().map(find).collect::<Result<Vec<_>, _>>()?;
                chosen.sort_unstable();
                chosen.dedup();
                Ok(chosen)
            }
            Targets::Group(name) => {
                let chosen: Vec<usize> =
                    all.filter(|&i| self.drones[i].group.as_deref() == Some(name.as_str())).collect();
                if chosen.is_empty() {
                    let message = format!("no drone is in a group {:?}", shorten(name));
                    return Err(CommandError::new(ErrorCode::UnknownGroup, "targets.group", message));
                }
                Ok(chosen)
            }
            Targets::Where(predicate) => Ok(all.filter(|&i| self.fits(i, predicate)).collect()),
        }
    }

    /// Asks of a drone what operators see of it.
    fn fits(&self, index: usize, predicate: &Predicate) -> bool {
        let drone = &self.drones[index];
        predicate.holds_for(&Subject {
            id: &drone.id,
            kind: &self.kind(drone).name,
            group: drone.group.as_deref().unwrap_or_default(),
            state: &self.shown(index),
            tick_s: self.scenario.tick_s,
        })
    }

    /// Everything that can be wrong with a command whoever it is for.
    fn validate(&self, command: &Command) -> Result<(), CommandError> {
        let altitudes = GOAL_ALTITUDE_MIN..=self.limit(Limit::AltitudeMax);
        match command {
            Command::Takeoff { altitude_m } => within("altitude_m", *altitude_m, altitudes),
            Command::Goto { position, lat, lon, altitude_m, speed_mps, heading_deg } => {
                let bad = |field, message| Err(CommandError::new(ErrorCode::BadRequest, field, message));
                match (position, lat, lon) {
                    (Some(p), None, None) => {
                        self.check_position("position", p.at_altitude(altitude_m.unwrap_or(p.z)))?
                    }
                    (None, Some(_), Some(_)) => {}
                    (None, Some(_), None) => return bad("lon", "is missing beside lat"),
                    (None, None, Some(_)) => return bad("lat", "is missing beside lon"),
                    (None, None, None) => return bad("position", "is missing; or give lat and lon"),
                    (Some(_), ..) => return bad("position", "excludes lat and lon"),
                }
                within("lat", *lat, -90.0..=90.0)?;
                within("lon", *lon, -180.0..=180.0)?;
                within("altitude_m", *altitude_m, altitudes)?;
                if let (Some(lat), Some(lon)) = (lat, lon) {
                    let p = self.scenario.origin.to_local(*lat, *lon, GOAL_ALTITUDE_MIN);
                    self.check_position("lat", p)?;
                }
                within("speed_mps", *speed_mps, 0.1..=SPEED_MPS_MAX)?;
                within("heading_deg", *heading_deg, 0.0..=360.0)
            }
            Command::Follow { drone, offset } => {
                if self.index_of(drone).is_none() {
                    let message = format!("no drone has the id {:?}", shorten(drone));
                    return Err(CommandError::new(ErrorCode::UnknownDrone, "drone", message));
                }
                vector("offset", offset.unwrap_or_default(), 1000.0)
            }
            Command::Mission { waypoints, .. } => self.check_waypoints(waypoints),
            Command::Velocity { velocity } => vector("velocity", *velocity, SPEED_MPS_MAX),
            Command::SetBehavior { behavior, params } => {
                if behaviour::index_of(behavior).is_none() {
                    let known: Vec<&str> = behaviour::ALL.iter().map(|b| b.name).collect();
                    let message = format!("{:?} is not one of {}", shorten(behavior), known.join(", "));
                    return Err(CommandError::new(ErrorCode::BadRequest, "behavior", message));
                }
                let mut trial = self.params.clone();
                params.iter().try_for_each(|(name, value)| {
                    tuning::set(&mut trial, name, &format!("behavior.{behavior}.{name}"), *value)
                })
            }
            Command::Formation { shape, spacing_m, heading_deg, position } => {
                if Shape::named(shape).is_none() {
                    let known = Shape::ALL.map(|(name, _)| name).join(", ");
                    let message = format!("{:?} is not one of {known}", shorten(shape));
                    return Err(CommandError::new(ErrorCode::BadRequest, "shape", message));
                }
                within("spacing_m", Some(*spacing_m), 0.5..=1000.0)?;
                within("heading_deg", *heading_deg, 0.0..=360.0)?;
                position.map_or(Ok(()), |p| self.check_position("position", p))
            }
            Command::Scan { region, altitude_m, spacing_m } => {
                within("altitude_m", *altitude_m, altitudes)?;
                within("spacing_m", *spacing_m, 0.5..=1000.0)?;
                check_region("region", region)
            }
            Command::SetParam { path, value } => tuning::set(&mut self.params.clone(), "value", path, *value),
            Command::SetFence { .. } | Command::RemoveFence { .. } => self.check_fence(command),
            Command::GodView { .. } if self.mission.is_none() => Err(CommandError::new(
                ErrorCode::BadRequest,
                "on",
                "the scenario has no mission, so nothing is hidden",
            )),
            Command::Group { name } if !name.is_empty() => check_name("name", name),
            Command::InjectFault { fault, value, duration_s, .. } => {
                let range = match fault {
                    Fault::Motor => 0.0..=1.0,
                    Fault::Battery => 0.0..=100.0,
                    _ => 0.0..=0.0,
                };
                within("value", *value, range)?;
                within("duration_s", *duration_s, 0.0..=DURATION_S_MAX)
            }
            Command::SetEnvironment { wind_mps, wind_from_deg, gust_mps } => {
                if wind_mps.is_none() && wind_from_deg.is_none() && gust_mps.is_none() {
                    let message = "nothing to set; give wind_mps, wind_from_deg or gust_mps";
                    return Err(CommandError::new(ErrorCode::BadRequest, "params", message));
                }
                within("wind_mps", *wind_mps, 0.0..=60.0)?;
                within("wind_from_deg", *wind_from_deg, 0.0..=360.0)?;
                within("gust_mps", *gust_mps, 0.0..=20.0)
            }
            Command::Spawn { kind, count, position, group, name } => {
                self.check_spawn(kind, *count, position.unwrap_or_else(|| self.apron()))?;
                group.as_ref().map_or(Ok(()), |group| check_name("group", group))?;
                name.as_ref().map_or(Ok(()), |name| check_name("name", &name.replace("{n}", "1")))
            }
            _ => Ok(()),
        }
    }

    fn check_position(&self, field: &str, p: Vec3) -> Result<(), CommandError> {
        vector(field, p, f64::MAX)?;
        within(&format!("{field}[0]"), Some(p.x), -POSITION_MAX..=POSITION_MAX)?;
        within(&format!("{field}[1]"), Some(p.y), -POSITION_MAX..=POSITION_MAX)?;
        within(&format!("{field}[2]"), Some(p.z), GOAL_ALTITUDE_MIN..=self.limit(Limit::AltitudeMax))
    }

    fn check_waypoints(&self, waypoints: &[Waypoint]) -> Result<(), CommandError> {
        if waypoints.is_empty() {
            return Err(CommandError::new(ErrorCode::BadRequest, "waypoints", "the list is empty"));
        }
        if waypoints.len() > WAYPOINTS_MAX {
            let message = format!("{} waypoints; at most {WAYPOINTS_MAX} are accepted", waypoints.len());
            return Err(CommandError::new(ErrorCode::TooLarge, "waypoints", message));
        }
        waypoints.iter().enumerate().try_for_each(|(i, w)| {
            self.check_position(&format!("waypoints[{i}].position"), w.position)?;
            within(&format!("waypoints[{i}].loiter_s"), Some(w.loiter_s), 0.0..=DURATION_S_MAX)?;
            within(&format!("waypoints[{i}].speed_mps"), w.speed_mps, 0.1..=SPEED_MPS_MAX)?;
            within(&format!("waypoints[{i}].heading_deg"), w.heading_deg, 0.0..=360.0)
        })
    }

    /// The first waypoint to which nobody may fly, as part of a sentence.
    pub(super) fn objection_to_mission(&self, mission: &Mission) -> Option<String> {
        mission.waypoints.iter().enumerate().find_map(|(i, w)| {
            self.scene.objection_to(w.position).map(|objection| format!("waypoint {}: {objection}", i + 1))
        })
    }

    fn check_spawn(&self, kind: &str, count: Option<u32>, position: Vec3) -> Result<(), CommandError> {
        if !self.types().iter().any(|t| t.name == kind) {
            let known: Vec<&str> = self.types().iter().map(|t| t.name.as_str()).collect();
            let message = format!("{:?} is not one of {}", shorten(kind), known.join(", "));
            return Err(CommandError::new(ErrorCode::BadRequest, "type", message));
        }
        let count = count.unwrap_or(1);
        if !(1..=SPAWN_MAX).contains(&count) {
            let message = format!("{count} is out of range 1..={SPAWN_MAX}");
            return Err(CommandError::new(ErrorCode::OutOfRange, "count", message));
        }
        if self.drones.len() + count as usize > DRONES_MAX {
            let message = format!("{} drones are there already; at most {DRONES_MAX} fit", self.drones.len());
            return Err(CommandError::new(ErrorCode::TooLarge, "count", message));
        }
        self.check_position("position", position.at_altitude(position.z.max(GOAL_ALTITUDE_MIN)))?;
        within("position[2]", Some(position.z), 0.0..=self.limit(Limit::AltitudeMax))?;
        match self.scene.objection_to(position) {
            Some(objection) => Err(CommandError::new(ErrorCode::BadRequest, "position", objection)),
            None => Ok(()),
        }
    }

    pub(super) fn set_wind(&mut self, speed: Option<f64>, from: Option<f64>, gust: Option<f64>) {
        let now = self.wind.spec();
        self.wind.set(WindSpec {
            speed_mps: speed.unwrap_or(now.speed_mps),
            from_deg: from.unwrap_or(now.from_deg),
            gust_mps: gust.unwrap_or(now.gust_mps),
        });
        let WindSpec { speed_mps, from_deg, gust_mps } = self.wind.spec();
        let message = format!("wind {speed_mps} m/s from {from_deg}°, gusts {gust_mps} m/s");
        self.tell(Level::Info, Arc::clone(&self.swarm), "wind_set", message);
    }

    fn regroup(&mut self, chosen: &[usize], name: &str, ticket: u64) -> Results {
        let group: Option<Arc<str>> = (!name.is_empty()).then(|| Arc::from(name));
        let mut results = Vec::with_capacity(chosen.len());
        for &index in chosen {
            self.drones[index].group = group.clone();
            results.push(self.done_at_once(index, ticket));
        }
        self.rows_changed();
        results
    }

    fn note_missed(&mut self, chosen: &[usize]) -> Results {
        self.missed = chosen.iter().map(|&index| self.drones[index].serial).collect();
        chosen.iter().map(|&index| (Arc::clone(&self.drones[index].id), Verdict::completed())).collect()
    }

    /// An accepted command that is done as soon as it is taken.
    pub(super) fn done_at_once(&mut self, index: usize, ticket: u64) -> (Arc<str>, Verdict) {
        let drone = Arc::clone(&self.drones[index].id);
        self.progress.push(Progress {
            ticket,
            drone: Arc::clone(&drone),
            verdict: Verdict::completed(),
            progress_pct: Some(100),
        });
        (drone, Verdict::accepted())
    }
}

/// What a command comes to.
enum Plan {
    /// A change of parameters or weather.
    World,
    /// New drones with these ids at these places.
    Spawn(Vec<Arc<str>>, Vec<Vec3>),
    /// Something for the drones at these places in the list, in order of creation.
    Drones(Vec<usize>),
}

/// One verdict for each target.
pub(super) type Results = Vec<(Arc<str>, Verdict)>;

pub(super) fn within(
    field: &str,
    value: Option<f64>,
    range: RangeInclusive<f64>,
) -> Result<(), CommandError> {
    match value {
        Some(v) if !v.is_finite() => {
            Err(CommandError::new(ErrorCode::NotFinite, field, format!("{v} is not a finite number")))
        }
        Some(v) if !range.contains(&v) => {
            let message = format!("{v} is out of range {}..={}", range.start(), range.end());
            Err(CommandError::new(ErrorCode::OutOfRange, field, message))
        }
        _ => Ok(()),
    }
}

fn vector(field: &str, v: Vec3, longest: f64) -> Result<(), CommandError> {
    for (axis, value) in <[f64; 3]>::from(v).into_iter().enumerate() {
        within(&format!("{field}[{axis}]"), Some(value), -longest..=longest)?;
    }
    Ok(())
}

pub(super) fn check_region(field: &str, region: &[Point]) -> Result<(), CommandError> {
    let bad = |code, message: String| Err(CommandError::new(code, field, message));
    if region.len() > CORNERS_MAX {
        return bad(
            ErrorCode::TooLarge,
            format!("{} corners; at most {CORNERS_MAX} are accepted", region.len()),
        );
    }
    for (i, corner) in region.iter().enumerate() {
        for (axis, &value) in corner.iter().enumerate() {
            within(&format!("{field}[{i}][{axis}]"), Some(value), -POSITION_MAX..=POSITION_MAX)?;
        }
    }
    if region.len() < 3 || !polygon::is_simple(region) || polygon::area2(region).abs() < 1.0 {
        return bad(ErrorCode::BadRequest, "it crosses itself or has no area".into());
    }
    Ok(())
}

pub(super) fn check_name(field: &str, name: &str) -> Result<(), CommandError> {
    match objection_to_name(name) {
        Some(objection) => Err(CommandError::new(ErrorCode::BadRequest, field, shorten(&objection))),
        None => Ok(()),
    }
}

/// At most the first 200 characters, so that nobody fills the log with one request.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}
