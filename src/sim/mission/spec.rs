//! What a mission is told by its scenario: numbers with names, ranges and defaults, in one place.

use super::super::Vec3;
use super::super::command::Fault;
use super::allocation::Allocation;
use super::job::Kind;
use super::site::Layout;

/// A number of a section: name in files, accepted range, place.
pub type Number<'a> = (&'static str, f64, f64, &'a mut f64);

/// A mission as a scenario describes it. Read-only once parsed.
#[derive(Clone, Debug)]
pub struct Spec {
    /// How tasks are shared out.
    pub allocation: Allocation,
    /// Whether the hidden truth is shown from the start.
    pub god_view: bool,
    /// General numbers.
    pub general: General,
    /// Where to look for buildings.
    pub search: Search,
    /// How scouts look.
    pub scan: Scan,
    /// How windows are cleaned.
    pub clean: Clean,
    /// How the result is checked.
    pub inspect: Inspect,
    /// How fluid comes to workers.
    pub supply: Supply,
    /// Litres that a drone of each type holds, by place in the list of types.
    pub tanks_l: Vec<f64>,
    /// Tethers between lifelines and workers, if there are any.
    pub tether: Option<Tether>,
    /// Rounds of idle overseers, if there are any.
    pub patrol: Option<Patrol>,
    /// Tasks beside those that windows and workers bring with them.
    pub tasks: Vec<Given>,
    /// What must be kept, and what a breach does.
    pub rules: Vec<Rule>,
    /// What happens by itself, in order of time.
    pub events: Vec<Event>,
    /// The hidden buildings and windows.
    pub layout: Layout,
}

/// General numbers.
#[derive(Clone, Debug)]
pub struct General {
    /// The mission ends after so many seconds, done or not.
    pub limit_s: f64,
    /// Nobody takes off before.
    pub prepare_s: f64,
    /// Drones land with at least this charge.
    pub reserve_pct: f64,
    /// Workers ask for fluid below this level.
    pub resupply_pct: f64,
    /// Time between two allocations.
    pub plan_s: f64,
    /// Most tasks that an auction lines up for one drone.
    pub horizon: f64,
    /// An idle drone flies home after so long.
    pub idle_s: f64,
    /// Speed at which a drone counts as working steadily.
    pub steady_mps: f64,
    /// Distance from its place at which it works.
    pub reach_m: f64,
    /// Local time at the start, in hours.
    pub start_h: f64,
}

impl General {
    /// Its numbers.
    pub fn numbers(&mut self) -> [Number<'_>; 10] {
        [
            ("limit_s", 1.0, 1e6, &mut self.limit_s),
            ("prepare_s", 0.0, 3600.0, &mut self.prepare_s),
            ("reserve_pct", 0.0, 90.0, &mut self.reserve_pct),
            ("resupply_pct", 0.0, 90.0, &mut self.resupply_pct),
            ("plan_s", 0.2, 60.0, &mut self.plan_s),
            ("horizon", 1.0, 16.0, &mut self.horizon),
            ("idle_s", 0.0, 3600.0, &mut self.idle_s),
            ("steady_mps", 0.1, 10.0, &mut self.steady_mps),
            ("reach_m", 0.2, 10.0, &mut self.reach_m),
            ("start_h", 0.0, 24.0, &mut self.start_h),
        ]
    }
}

impl Default for General {
    fn default() -> Self {
        General {
            limit_s: 7200.0,
            prepare_s: 5.0,
            reserve_pct: 25.0,
            resupply_pct: 20.0,
            plan_s: 1.0,
            horizon: 3.0,
            idle_s: 20.0,
            steady_mps: 1.0,
            reach_m: 1.2,
            start_h: 9.0,
        }
    }
}

/// The volume in which buildings are looked for, as a grid of cells.
#[derive(Clone, Debug)]
pub struct Search {
    /// South-west corner, on the ground.
    pub min: [f64; 2],
    /// North-east corner.
    pub max: [f64; 2],
    /// Its height.
    pub ceiling_m: f64,
    /// Side of a cell.
    pub cell_m: f64,
}

/// The scouts' sensor.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Its range.
    pub range_m: f64,
    /// Its horizontal field of view.
    pub fov_deg: f64,
    /// Its vertical field of view.
    pub vertical_fov_deg: f64,
    /// Share of looks that find a window in view.
    pub detect: f64,
    /// Standard deviation of a measured dirt level.
    pub noise: f64,
    /// Time at a viewpoint.
    pub stay_s: f64,
}

impl Scan {
    /// Its numbers.
    pub fn numbers(&mut self) -> [Number<'_>; 6] {
        [
            ("range_m", 2.0, 500.0, &mut self.range_m),
            ("fov_deg", 10.0, 360.0, &mut self.fov_deg),
            ("vertical_fov_deg", 10.0, 180.0, &mut self.vertical_fov_deg),
            ("detect", 0.05, 1.0, &mut self.detect),
            ("noise", 0.0, 1.0, &mut self.noise),
            ("stay_s", 0.4, 600.0, &mut self.stay_s),
        ]
    }
}

impl Default for Scan {
    fn default() -> Self {
        Scan { range_m: 30.0, fov_deg: 120.0, vertical_fov_deg: 100.0, detect: 0.6, noise: 0.1, stay_s: 3.0 }
    }
}

/// How windows are cleaned.
#[derive(Clone, Debug)]
pub struct Clean {
    /// Distance of a working drone from the glass.
    pub standoff_m: f64,
    /// Distance of the lane in front of a façade, in which workers come and go.
    pub lane_m: f64,
    /// Seconds that the dirtiest window takes.
    pub work_s: f64,
    /// Fluid used while cleaning, in litres a second.
    pub fluid_lps: f64,
    /// Share of cleanings that leave streaks.
    pub streaks: f64,
    /// A window should be clean so long after it was found; 0 = whenever.
    pub deadline_s: f64,
}

impl Clean {
    /// Its numbers.
    pub fn numbers(&mut self) -> [Number<'_>; 6] {
        [
            ("standoff_m", 0.5, 20.0, &mut self.standoff_m),
            ("lane_m", 1.0, 50.0, &mut self.lane_m),
            ("work_s", 0.4, 3600.0, &mut self.work_s),
            ("fluid_lps", 0.0, 10.0, &mut self.fluid_lps),
            ("streaks", 0.0, 0.9, &mut self.streaks),
            ("deadline_s", 0.0, 1e6, &mut self.deadline_s),
        ]
    }
}

impl Default for Clean {
    fn default() -> Self {
        Clean { standoff_m: 2.2, lane_m: 7.0, work_s: 20.0, fluid_lps: 0.03, streaks: 0.06, deadline_s: 0.0 }
    }
}

/// How the result is checked.
#[derive(Clone, Debug)]
pub struct Inspect {
    /// Distance of the overseer from the glass.
    pub standoff_m: f64,
    /// Range of its camera.
    pub range_m: f64,
    /// Field of view of its camera.
    pub fov_deg: f64,
    /// Looks of a fifth of a second that a verdict takes.
    pub looks: f64,
    /// Standard deviation of one measured residue.
    pub noise: f64,
    /// A window with a mean residue above this is sent back.
    pub residue_max: f64,
}

impl Inspect {
    /// Its numbers.
    pub fn numbers(&mut self) -> [Number<'_>; 6] {
        [
            ("standoff_m", 1.0, 100.0, &mut self.standoff_m),
            ("range_m", 1.0, 500.0, &mut self.range_m),
            ("fov_deg", 10.0, 180.0, &mut self.fov_deg),
            ("looks", 1.0, 1000.0, &mut self.looks),
            ("noise", 0.0, 1.0, &mut self.noise),
            ("residue_max", 0.01, 0.9, &mut self.residue_max),
        ]
    }
}

impl Default for Inspect {
    fn default() -> Self {
        Inspect { standoff_m: 12.0, range_m: 22.0, fov_deg: 70.0, looks: 10.0, noise: 0.1, residue_max: 0.18 }
    }
}

/// How fluid comes to workers, and to those who carry it.
#[derive(Clone, Debug)]
pub struct Supply {
    /// Distance between worker and tanker while a cartridge is swapped.
    pub dock_m: f64,
    /// Time of a swap.
    pub swap_s: f64,
    /// Tankers that can be filled at once at the base.
    pub docks: f64,
    /// Time to fill one.
    pub fill_s: f64,
}

impl Supply {
    /// Its numbers.
    pub fn numbers(&mut self) -> [Number<'_>; 4] {
        [
            ("dock_m", 1.0, 30.0, &mut self.dock_m),
            ("swap_s", 0.2, 600.0, &mut self.swap_s),
            ("docks", 1.0, 100.0, &mut self.docks),
            ("fill_s", 0.2, 3600.0, &mut self.fill_s),
        ]
    }
}

impl Default for Supply {
    fn default() -> Self {
        Supply { dock_m: 5.0, swap_s: 12.0, docks: 1.0, fill_s: 30.0 }
    }
}

/// A tether from a lifeline to a worker.
#[derive(Clone, Debug)]
pub struct Tether {
    /// Its length.
    pub length_m: f64,
    /// Tension that the winch holds.
    pub tension_n: f64,
    /// Tension at which it lets go.
    pub tension_n_max: f64,
    /// Power that it brings.
    pub feed_w: f64,
    /// Where the lifeline hovers: so far out from the worker …
    pub out_m: f64,
    /// … and so far above it.
    pub above_m: f64,
}

impl Tether {
    /// Its numbers.
    pub fn numbers(&mut self) -> [Number<'_>; 6] {
        [
            ("length_m", 5.0, 500.0, &mut self.length_m),
            ("tension_n", 0.0, 1000.0, &mut self.tension_n),
            ("tension_n_max", 1.0, 10_000.0, &mut self.tension_n_max),
            ("feed_w", 0.0, 100_000.0, &mut self.feed_w),
            ("out_m", 2.0, 100.0, &mut self.out_m),
            ("above_m", -50.0, 100.0, &mut self.above_m),
        ]
    }

    /// Metres before its end where the winch can no longer hold the tension.
    const END_M: f64 = 5.0;

    /// Tension at this length in newtons: the winch holds it constant, then it rises to the greatest at the full length.
    pub fn tension_at(&self, length_m: f64) -> f64 {
        let over = (length_m - (self.length_m - Self::END_M)).max(0.0) / Self::END_M;
        self.tension_n + over * (self.tension_n_max - self.tension_n)
    }
}

impl Default for Tether {
    fn default() -> Self {
        Tether {
            length_m: 50.0,
            tension_n: 15.0,
            tension_n_max: 40.0,
            feed_w: 700.0,
            out_m: 14.0,
            above_m: 6.0,
        }
    }
}

/// Rounds of idle overseers.
#[derive(Clone, Debug)]
pub struct Patrol {
    /// Time between two of them.
    pub every_s: f64,
    /// Their altitude.
    pub altitude_m: f64,
    /// Time at a corner.
    pub stay_s: f64,
}

impl Patrol {
    /// Its numbers.
    pub fn numbers(&mut self) -> [Number<'_>; 3] {
        [
            ("every_s", 1.0, 1e6, &mut self.every_s),
            ("altitude_m", 3.0, 1000.0, &mut self.altitude_m),
            ("stay_s", 0.2, 3600.0, &mut self.stay_s),
        ]
    }
}

impl Default for Patrol {
    fn default() -> Self {
        Patrol { every_s: 120.0, altitude_m: 30.0, stay_s: 3.0 }
    }
}

/// A task that the scenario gives, at a place of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Name in messages.
    pub name: String,
    /// What is to be done there, and with it what a drone must be able to do.
    pub kind: Kind,
    /// Where its holder has to be.
    pub position: Vec3,
    /// What it looks at meanwhile, if that matters.
    pub look_at: Option<Vec3>,
    /// Seconds that the work takes.
    pub duration_s: f64,
    /// Litres of fluid that it takes.
    pub fluid_l: f64,
    /// It comes up then, in seconds since the start.
    pub at_s: f64,
    /// The task that must be done before, by its place in the list: an earlier one.
    pub after: Option<usize>,
    /// It should be done so many seconds after it came up.
    pub deadline_s: Option<f64>,
}

/// What must be kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Watch {
    /// The mean wind stays below the limit; it counts as kept again below the lower number.
    Wind {
        /// m/s at which it is broken.
        limit_mps: f64,
        /// m/s below which it is kept again.
        resume_mps: f64,
    },
    /// Flights take place between these hours of the day.
    Hours {
        /// First hour.
        from_h: f64,
        /// Last hour.
        to_h: f64,
    },
    /// Nobody crosses a fence.
    Fence,
}

/// What a breach does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is told, no more.
    Warn,
    /// Whoever flies backs out and holds; nobody takes off.
    Hold,
    /// Whoever flies returns home; nobody takes off.
    Return,
}

impl Action {
    /// All of them with their names.
    pub const ALL: [(&'static str, Action); 3] =
        [("warn", Action::Warn), ("hold", Action::Hold), ("return", Action::Return)];

    /// Name in files and on the wire.
    pub fn name(self) -> &'static str {
        Action::ALL[self as usize].0
    }
}

/// A rule and its consequence. `wind` and `hours` concern everyone, `fence` the drone that crossed.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Name in messages.
    pub name: String,
    /// What must be kept.
    pub watch: Watch,
    /// What a breach does.
    pub action: Action,
}

/// Something that happens by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, in seconds since the start.
    pub at_s: f64,
    /// What.
    pub what: Turn,
}

/// What may happen by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Something breaks.
    Fault {
        /// Ids of the drones.
        drones: Vec<String>,
        /// What.
        fault: Fault,
        /// As in the command `inject_fault`.
        value: Option<f64>,
        /// For how long.
        duration_s: Option<f64>,
    },
    /// The wind changes.
    Wind {
        /// Mean speed.
        speed_mps: Option<f64>,
        /// Where it comes from.
        from_deg: Option<f64>,
        /// Strength of the gusts.
        gust_mps: Option<f64>,
    },
}

impl Search {
    /// The point of the volume nearest to `p`.
    pub fn clamp(&self, p: Vec3) -> Vec3 {
        Vec3::new(
            p.x.clamp(self.min[0], self.max[0]),
            p.y.clamp(self.min[1], self.max[1]),
            p.z.clamp(0.0, self.ceiling_m),
        )
    }
}
