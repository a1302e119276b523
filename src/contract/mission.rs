//! A mission on the wire: what the swarm believes of its site, who does what, and how it stands.

use serde_json::{Value, json};

use crate::sim::mission::job::Job;
use crate::sim::mission::report::Report;
use crate::sim::mission::rules::{clock, hour_at};
use crate::sim::mission::site::Face;
use crate::sim::mission::spec::{Action, Watch};
use crate::sim::mission::{Activity, Kind, Member, Mission, Outcome, Spec, Subject};
use crate::sim::{Landed, Obstacle, Scenario, Snapshot, Vec3};

/// Open tasks in one update.
const TASKS_MAX: usize = 80;

/// The block `mission` of `visualization-update`; `null` in worlds without one.
pub fn block(scenario: &Scenario, seed: u64, snapshot: &Snapshot) -> Value {
    let (Some(shown), Some(spec)) = (&snapshot.mission, scenario.mission.as_deref()) else {
        return Value::Null;
    };
    let mission = &*shown.state;
    let [unknown, dirty, cleaned, verified, rejected] = mission.counts();
    let total = mission.windows.len() as u32;
    let is_open = mission.god_view || mission.ended_at.is_some();
    json!({
        "phase": mission.phase.name(),
        "hold": hold(mission, spec),
        "outcome": mission.outcome.map(Outcome::name),
        "reason": if mission.reason.is_empty() { None } else { Some(&mission.reason) },
        "in_the_air": in_the_air(mission, snapshot),
        "elapsed_s": round(mission.ended_at.map_or(snapshot.sim_time_s, |tick| tick as f64 * scenario.tick_s)),
        "limit_s": spec.general.limit_s,
        "clock": clock(hour_at(spec.general.start_h, snapshot.sim_time_s)),
        "allocation": spec.allocation.name(),
        "god_view": mission.god_view,
        "coverage_pct": round(mission.map.coverage_pct()),
        "windows": {
            "total": is_open.then_some(total), "found": total - unknown,
            "dirty": dirty, "cleaned": cleaned, "verified": verified, "rejected": rejected,
        },
        "buildings": buildings(mission, spec),
        "tasks": tasks(mission, spec, snapshot, scenario.tick_s),
        "crew": mission.crew.iter().map(|member| crew(member, mission, spec)).collect::<Vec<_>>(),
        "rules": rules(mission, spec),
        "report": mission.ended_at.and_then(|_| Report::new(scenario, seed, snapshot)),
    })
}

/// Drones of the mission that have not landed. Who is lost is not waited for.
fn in_the_air(mission: &Mission, snapshot: &Snapshot) -> usize {
    let flying = snapshot.table.rows.iter().zip(&snapshot.drones);
    let flying = flying.filter(|(_, drone)| drone.landed != Landed::OnGround);
    flying
        .filter(|(row, _)| {
            mission.crew.iter().any(|member| member.id == row.id && member.activity != Activity::Lost)
        })
        .count()
}

/// The block `mission` of `status-update`.
pub fn summary(spec: &Spec, mission: &Mission) -> Value {
    let [unknown, _, _, verified, _] = mission.counts();
    let found = mission.windows.len() as u32 - unknown;
    let coverage_pct = mission.map.coverage_pct();
    let progress_pct = coverage_pct * f64::from(verified) / f64::from(found.max(1));
    json!({
        "phase": mission.phase.name(),
        "outcome": mission.outcome.map(Outcome::name),
        "hold": hold(mission, spec).get("rule"),
        "found": found,
        "verified": verified,
        "progress_pct": round(progress_pct),
        "coverage_pct": round(coverage_pct),
        "tasks_open": mission.board.open().count(),
    })
}

/// The obstacles that operators are shown: a mission's buildings once the swarm has found them.
pub fn known_obstacles<'s>(
    all: &'s [Obstacle],
    spec: Option<&'s Spec>,
    mission: Option<&'s Mission>,
) -> impl Iterator<Item = &'s Obstacle> {
    all.iter().filter(move |obstacle| {
        let Some(spec) = spec else { return true };
        let Some(place) = spec.layout.buildings.iter().position(|b| b.name == obstacle.name) else {
            return true;
        };
        mission.map_or(spec.god_view, |mission| mission.god_view || mission.found[place])
    })
}

/// The rule that keeps everyone from working.
fn hold(mission: &Mission, spec: &Spec) -> Value {
    let broken =
        spec.rules.iter().zip(&mission.rules).filter(|(rule, state)| {
            state.is_broken && rule.watch != Watch::Fence && rule.action != Action::Warn
        });
    let strictest = broken.max_by_key(|(rule, _)| rule.action as u8);
    strictest.map_or(
        Value::Null,
        |(rule, state)| json!({ "rule": rule.name, "text": state.text, "action": rule.action.name() }),
    )
}

fn rules(mission: &Mission, spec: &Spec) -> Vec<Value> {
    let one = |(rule, state): (&crate::sim::mission::spec::Rule, &crate::sim::mission::RuleState)| {
        json!({
            "name": rule.name, "is_broken": state.is_broken, "text": state.text,
            "action": rule.action.name(), "times": state.times,
        })
    };
    spec.rules.iter().zip(&mission.rules).map(one).collect()
}

fn buildings(mission: &Mission, spec: &Spec) -> Vec<Value> {
    let layout = &spec.layout;
    let known = (0..layout.buildings.len()).filter(|&place| mission.god_view || mission.found[place]);
    known
        .map(|place| {
            let building = &layout.buildings[place];
            let faces = layout.faces.iter().filter(|face| face.building == place);
            json!({
                "name": building.name, "center": building.center, "size_m": building.size_m,
                "height_m": building.height_m,
                "faces": faces.map(|face| self::face(face, mission)).collect::<Vec<_>>(),
            })
        })
        .collect()
}

fn face(face: &Face, mission: &Mission) -> Value {
    let windows = face.start..face.start + face.rows * face.columns;
    let states: String =
        mission.windows[windows.clone()].iter().map(|window| window.status.letter()).collect();
    let truth = |number: usize| match (mission.truth.cleanings[number], mission.truth.dirt[number]) {
        (0, _) => 'd',
        (_, dirt) if dirt > 0.2 => 's',
        _ => 'c',
    };
    let mut json = json!({
        "side": face.side.name(), "rows": face.rows, "columns": face.columns, "first": point(face.first),
        "right": face.side.right(), "pitch_m": face.pitch_m.map(round), "window_m": face.window_m, "states": states,
    });
    if mission.god_view {
        json["truth"] = Value::from(windows.map(truth).collect::<String>());
    }
    json
}

fn tasks(mission: &Mission, spec: &Spec, snapshot: &Snapshot, tick_s: f64) -> Value {
    let state = |job: &Job| match (job.holder, &job.blocked) {
        (Some(_), _) => "held",
        (None, Some(_)) => "blocked",
        (None, None) => "waiting",
    };
    let mut open: Vec<(&str, &Job)> = mission.board.open().map(|job| (state(job), job)).collect();
    let count = |name: &str| open.iter().filter(|(state, _)| *state == name).count();
    let (held, blocked, waiting) = (count("held"), count("blocked"), count("waiting"));
    open.sort_by_key(|(state, job)| (["held", "waiting", "blocked"].iter().position(|s| s == state), job.id));
    let seconds = |ticks: u64| round(ticks as f64 * tick_s);
    let list: Vec<Value> = (open.iter().take(TASKS_MAX))
        .map(|(state, job)| {
            json!({
                "id": job.id, "kind": job.kind.name(), "state": state,
                "holder": job.holder.and_then(|serial| id_of(mission, serial)),
                "target": target(job, mission, spec), "position": point(job.site),
                "progress_pct": (100.0 * job.progress()).round(),
                "age_s": seconds(snapshot.tick.saturating_sub(job.since)),
                "deadline_s": job.deadline.map(|tick| round(tick as f64 * tick_s - snapshot.sim_time_s)),
                "attempts": job.attempts, "blocked": job.blocked,
            })
        })
        .collect();
    let board = &mission.board;
    json!({ "waiting": waiting, "held": held, "blocked": blocked, "done": board.done, "failed": board.failed, "list": list })
}

fn id_of(mission: &Mission, serial: u32) -> Option<&str> {
    let i = mission.crew.binary_search_by_key(&serial, |member| member.serial).ok()?;
    Some(&mission.crew[i].id)
}

/// What a task is about, in words.
fn target(job: &Job, mission: &Mission, spec: &Spec) -> String {
    match &job.subject {
        Subject::Window(number) => spec.layout.name(*number as usize),
        Subject::Drone(serial) => id_of(mission, *serial).unwrap_or("gone").to_owned(),
        Subject::View { target, .. } => format!("site {:.0} {:.0} {:.0}", target.x, target.y, target.z),
        Subject::Given(k) => spec.tasks[*k as usize].name.clone(),
        Subject::Place => format!("site {:.0} {:.0} {:.0}", job.site.x, job.site.y, job.site.z),
    }
}

fn crew(member: &Member, mission: &Mission, spec: &Spec) -> Value {
    let job = member.jobs.first().and_then(|&id| mission.board.get(id));
    let tank_l = spec.tanks_l[usize::from(member.kind)];
    let fluid = (tank_l > 0.0).then(|| {
        json!({ "level_l": round(member.fluid_l), "tank_l": tank_l, "pct": round(100.0 * member.fluid_l / tank_l) })
    });
    let tether = member.line.zip(spec.tether.as_ref()).map(|(line, tether)| {
        json!({
            "to": id_of(mission, line.to), "length_m": round(line.length_m), "length_m_max": tether.length_m,
            "tension_n": round(line.tension_n), "tension_n_max": tether.tension_n_max,
        })
    });
    let text = match job {
        Some(job) => format!("{} {}", verb(job.kind), target(job, mission, spec)),
        None if member.is_thirsty => "waits for fluid".to_owned(),
        None => member.activity.name().to_owned(),
    };
    json!({
        "id": member.id, "activity": member.activity.name(), "task": job.map(|job| job.id), "text": text,
        "reserve_pct": spec.general.reserve_pct, "fluid": fluid, "tether": tether,
        "done": member.done, "idle_s": round(member.idle_s),
    })
}

fn verb(kind: Kind) -> &'static str {
    match kind {
        Kind::Resupply => "brings fluid to",
        Kind::Tether => "feeds",
        Kind::Clean => "cleans",
        Kind::Inspect => "inspects",
        Kind::Scan => "looks at",
        Kind::Patrol => "patrols to",
    }
}

fn point(p: Vec3) -> [f64; 3] {
    [p.x, p.y, p.z].map(round)
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
