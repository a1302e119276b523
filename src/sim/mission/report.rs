//! What a mission came to, and whether that is what its scenario asks for.

use serde::Serialize;

use super::super::{Landed, Safety, Scenario, Snapshot, World};
use super::{Activity, Mission, Outcome, Phase, Status};

/// What a run must come to, as `[acceptance]` of a scenario says. What is absent is not asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acceptance {
    /// How the mission ends.
    pub outcome: Option<Outcome>,
    /// Bounds of figures, in the order of [`BOUNDS`].
    pub bounds: [Option<f64>; BOUNDS.len()],
}

/// A figure of a report that can be bounded: name in files, whether it is a lower bound, largest accepted bound, value.
pub type Bound = (&'static str, bool, f64, fn(&Report) -> f64);

/// The figures that a scenario may bound.
pub const BOUNDS: [Bound; 13] = [
    ("windows_verified_pct_min", true, 100.0, |r| {
        100.0 * f64::from(r.windows.verified) / f64::from(r.windows.total.max(1))
    }),
    ("coverage_pct_min", true, 100.0, |r| r.coverage_pct),
    ("time_s_max", false, 1e6, |r| r.time_s),
    ("energy_wh_max", false, 1e9, |r| r.energy_wh),
    ("rework_max", false, 1e6, |r| f64::from(r.rework)),
    ("late_max", false, 1e6, |r| f64::from(r.tasks.late)),
    ("idle_pct_max", false, 100.0, |r| r.idle_pct),
    ("near_misses_max", false, 1e6, |r| r.near_misses as f64),
    ("collisions_max", false, 1e6, |r| r.collisions as f64),
    ("crashes_max", false, 1e6, |r| r.crashes as f64),
    ("fence_breaches_max", false, 1e6, |r| r.fence_breaches as f64),
    ("lost_max", false, 1e5, |r| r.crew.iter().filter(|member| member.is_lost).count() as f64),
    ("in_the_air_max", false, 1e5, |r| f64::from(r.in_the_air)),
];

/// One demand and how it was met.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Its name in the scenario.
    pub name: &'static str,
    /// What the run came to.
    pub value: Figure,
    /// What was asked for.
    pub limit: Figure,
    /// Whether that is met.
    pub passed: bool,
}

/// A number, or a word.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figure {
    /// A number.
    Number(f64),
    /// A word.
    Word(&'static str),
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Figure::Number(number) => write!(f, "{}", round(*number)),
            Figure::Word(word) => f.write_str(word),
        }
    }
}

/// All demands of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether all are met.
    pub passed: bool,
    /// Each.
    pub checks: Vec<Check>,
}

impl Acceptance {
    /// Whether a run meets it.
    pub fn judge(&self, report: &Report) -> Verdict {
        let mut checks = Vec::new();
        if let Some(wanted) = self.outcome {
            let (value, limit) =
                (Figure::Word(report.outcome.unwrap_or("none")), Figure::Word(wanted.name()));
            checks.push(Check { name: "outcome", passed: value == limit, value, limit });
        }
        for ((name, is_least, _, read), limit) in BOUNDS.iter().zip(self.bounds) {
            let (Some(limit), value) = (limit, read(report)) else { continue };
            let passed = if *is_least { value >= limit } else { value <= limit };
            checks.push(Check { name, value: Figure::Number(value), limit: Figure::Number(limit), passed });
        }
        Verdict { passed: checks.iter().all(|check| check.passed), checks }
    }
}

/// How many windows were what.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WindowCount {
    /// That there are.
    pub total: u32,
    /// That the swarm found.
    pub found: u32,
    /// Cleanings, those of windows that were sent back included.
    pub cleaned: u32,
    /// Verified at the end.
    pub verified: u32,
    /// Times that one was sent back.
    pub rejected: u32,
}

/// How many tasks became what.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TaskCount {
    /// Done.
    pub done: u32,
    /// Given back undone because their holder did not get there.
    pub failed: u32,
    /// Given to another drone than before.
    pub reallocated: u32,
    /// Not done by their deadline.
    pub late: u32,
}

/// A rule over a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleCount {
    /// Its name.
    pub name: String,
    /// How often it was broken.
    pub times: u32,
    /// For how long.
    pub held_s: f64,
}

/// A drone over a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberReport {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Tasks done.
    pub tasks: u32,
    /// Energy used in the air.
    pub energy_wh: f64,
    /// Time in the air.
    pub flight_s: f64,
    /// Time in the air without a task.
    pub idle_s: f64,
    /// Times that it was charged.
    pub charges: u32,
    /// Least charge in the air.
    pub lowest_pct: f64,
    /// Whether it is out of action.
    pub is_lost: bool,
}

/// What a run came to; during the run, so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Name of the scenario.
    pub scenario: String,
    /// Seed of the run.
    pub seed: u64,
    /// How the mission ended.
    pub outcome: Option<&'static str>,
    /// Why.
    pub reason: String,
    /// Whether it is over.
    pub is_final: bool,
    /// Seconds until the end, or until now.
    pub time_s: f64,
    /// Seconds until the site was seen.
    pub scan_s: Option<f64>,
    /// Share of the site that was seen.
    pub coverage_pct: f64,
    /// Energy that all have used in the air.
    pub energy_wh: f64,
    /// Windows.
    pub windows: WindowCount,
    /// Windows that were cleaned again.
    pub rework: u32,
    /// Cartridges swapped.
    pub resupplies: u32,
    /// Fluid used.
    pub fluid_l: f64,
    /// Times that somebody was charged.
    pub charges: u32,
    /// Tasks.
    pub tasks: TaskCount,
    /// Time in the air without a task, summed over drones.
    pub idle_s: f64,
    /// Its share of the time in the air.
    pub idle_pct: f64,
    /// Time spent waiting for fluid and docks, summed over drones.
    pub wait_s: f64,
    /// Pairs that came too near.
    pub near_misses: u64,
    /// Pairs that touched.
    pub collisions: u64,
    /// Those of them in which one was falling.
    pub wreck_collisions: u64,
    /// Drones that flew or fell into something.
    pub crashes: u64,
    /// Crossings of fences.
    pub fence_breaches: u64,
    /// Least distance of two drones in the air.
    pub separation_min_m: Option<f64>,
    /// Drones that are in the air.
    pub in_the_air: u32,
    /// Rules.
    pub rules: Vec<RuleCount>,
    /// Drones.
    pub crew: Vec<MemberReport>,
    /// What the scenario asks for.
    pub acceptance: Option<Verdict>,
}

impl Report {
    /// Of the mission of a world, if it has one.
    pub fn of(world: &World) -> Option<Report> {
        Report::new(world.scenario(), world.seed(), &world.snapshot())
    }

    /// Of what a world shows.
    pub fn new(scenario: &Scenario, seed: u64, snapshot: &Snapshot) -> Option<Report> {
        let (shown, spec) = (snapshot.mission.as_ref()?, scenario.mission.as_deref()?);
        let (mission, tick_s) = (&*shown.state, scenario.tick_s);
        let energy_wh = mission.crew.iter().map(|member| member.energy_j).sum::<f64>() / 3600.0;
        let (idle_s, flight_s) =
            mission.crew.iter().fold((0.0, 0.0), |(i, f), m| (i + m.idle_s, f + m.flight_s));
        let safety = shown.safety.clone();
        let Safety {
            near_misses,
            collisions,
            wreck_collisions,
            fence_breaches,
            crashes,
            separation_min_m,
            ..
        } = safety;
        let mut report = Report {
            scenario: scenario.name.clone(),
            seed,
            outcome: mission.outcome.map(Outcome::name),
            reason: mission.reason.clone(),
            is_final: mission.phase == Phase::Ended,
            time_s: round(mission.ended_at.unwrap_or(snapshot.tick) as f64 * tick_s),
            scan_s: mission.scanned_at.map(|tick| round(tick as f64 * tick_s)),
            coverage_pct: round(mission.map.coverage_pct()),
            energy_wh: round(energy_wh),
            windows: windows(mission),
            rework: mission.truth.cleanings.iter().map(|&times| times.saturating_sub(1)).sum(),
            resupplies: mission.resupplies,
            fluid_l: round(mission.fluid_l),
            charges: mission.crew.iter().map(|member| member.charges).sum(),
            tasks: TaskCount {
                done: mission.board.done,
                failed: mission.board.failed,
                reallocated: mission.board.reallocated,
                late: mission.board.late,
            },
            idle_s: round(idle_s),
            idle_pct: round(100.0 * idle_s / f64::max(flight_s, 1e-9)),
            wait_s: round(mission.crew.iter().map(|member| member.wait_s).sum()),
            near_misses,
            collisions,
            wreck_collisions,
            crashes,
            fence_breaches,
            separation_min_m: separation_min_m.map(round),
            in_the_air: snapshot.drones.iter().filter(|drone| drone.landed != Landed::OnGround).count()
                as u32,
            rules: rules(mission, spec),
            crew: crew(mission, scenario),
            acceptance: None,
        };
        report.acceptance = scenario.acceptance.as_ref().map(|asked| asked.judge(&report));
        Some(report)
    }
}

fn windows(mission: &Mission) -> WindowCount {
    let counts = mission.counts();
    WindowCount {
        total: mission.windows.len() as u32,
        found: mission.windows.len() as u32 - counts[Status::Unknown as usize],
        cleaned: mission.truth.cleanings.iter().sum(),
        verified: counts[Status::Verified as usize],
        rejected: mission.rejections,
    }
}

fn rules(mission: &Mission, spec: &super::Spec) -> Vec<RuleCount> {
    let count = |(rule, state): (&super::spec::Rule, &super::RuleState)| RuleCount {
        name: rule.name.clone(),
        times: state.times,
        held_s: round(state.broken_s),
    };
    spec.rules.iter().zip(&mission.rules).map(count).collect()
}

fn crew(mission: &Mission, scenario: &Scenario) -> Vec<MemberReport> {
    let member = |member: &super::Member| MemberReport {
        id: member.id.to_string(),
        kind: scenario.types[usize::from(member.kind)].name.clone(),
        tasks: member.done,
        energy_wh: round(member.energy_j / 3600.0),
        flight_s: round(member.flight_s),
        idle_s: round(member.idle_s),
        charges: member.charges,
        lowest_pct: round(member.lowest_pct),
        is_lost: member.activity == Activity::Lost,
    };
    mission.crew.iter().map(member).collect()
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
