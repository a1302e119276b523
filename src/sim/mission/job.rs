//! Tasks as data: what is to be done, what it needs, who does it. The wire calls them tasks; in the model a
//! [`super::super::drone::Task`] is what a drone is doing at this moment.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::drone_type::Capability;
use super::super::hash::Hash64;
use super::super::{Tick, Vec3};

/// Kinds of jobs, in the order in which they are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// Bring fluid to a worker.
    Resupply,
    /// Feed a worker through a tether.
    Tether,
    /// Clean a window.
    Clean,
    /// Check a cleaned window.
    Inspect,
    /// Look at a part of the site.
    Scan,
    /// Fly a round.
    Patrol,
}

impl Kind {
    /// All of them with their names and what they need.
    pub const ALL: [(&'static str, Kind, Capability); 6] = [
        ("resupply", Kind::Resupply, Capability::CarryFluid),
        ("tether", Kind::Tether, Capability::TetherPower),
        ("clean", Kind::Clean, Capability::Clean),
        ("inspect", Kind::Inspect, Capability::Inspect),
        ("scan", Kind::Scan, Capability::Scan),
        ("patrol", Kind::Patrol, Capability::Inspect),
    ];

    /// Name on the wire.
    pub fn name(self) -> &'static str {
        Kind::ALL[self as usize].0
    }

    /// What a drone must be able to do.
    pub fn needs(self) -> Capability {
        Kind::ALL[self as usize].2
    }
}

/// What a job is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Subject {
    /// Cells of the map, to be looked at from a place.
    View {
        /// What is to be looked at.
        target: Vec3,
        /// The cells.
        cells: Vec<u32>,
    },
    /// A window, by its number.
    Window(u32),
    /// Another drone, by its serial number.
    Drone(u32),
    /// A place.
    Place,
    /// What the scenario says, by its place in its list.
    Given(u32),
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Its number; never given twice in a run.
    pub id: u32,
    /// Its kind.
    pub kind: Kind,
    /// What it is about.
    pub subject: Subject,
    /// Where its holder has to be, as far as that is fixed.
    pub site: Vec3,
    /// Seconds that the work takes.
    pub duration_s: f64,
    /// Litres of fluid that it takes.
    pub fluid_l: f64,
    /// When it should be done.
    pub deadline: Option<Tick>,
    /// The job that must be done first.
    pub after: Option<u32>,
    /// When it came up.
    pub since: Tick,
    /// Serial number of the drone that holds it.
    pub holder: Option<u32>,
    /// Whoever held it last.
    pub last_holder: Option<u32>,
    /// Seconds of work done.
    pub work_s: f64,
    /// How often it was given back undone.
    pub attempts: u32,
    /// Nobody takes it before this tick.
    pub not_before: Tick,
    /// Whether its being late was told.
    pub is_overdue: bool,
    /// Why nobody can take it now.
    pub blocked: Option<Cow<'static, str>>,
}

impl Job {
    /// The window that it is about.
    pub fn window(&self) -> Option<usize> {
        match self.subject {
            Subject::Window(window) => Some(window as usize),
            _ => None,
        }
    }

    /// Share of the work that is done.
    pub fn progress(&self) -> f64 {
        (self.work_s / self.duration_s.max(1e-9)).clamp(0.0, 1.0)
    }

    fn enter(&self, hash: &mut Hash64) {
        hash.word(u64::from(self.id) << 8 | self.kind as u64);
        hash.vector(self.site);
        hash.number(self.work_s);
        hash.number(self.duration_s);
        hash.word(u64::from(self.holder.unwrap_or(u32::MAX)) << 32 | u64::from(self.attempts));
        hash.word(self.not_before);
    }
}

/// All jobs that are open, and how many are not any more.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Board {
    jobs: BTreeMap<u32, Job>,
    next: u32,
    /// Jobs done.
    pub done: u32,
    /// Times that a job was given back undone.
    pub failed: u32,
    /// Jobs that were not done by their deadline.
    pub late: u32,
    /// Times that a job went to another drone than before.
    pub reallocated: u32,
}

impl Board {
    /// Puts up a job and returns its number.
    pub fn put(&mut self, kind: Kind, subject: Subject, site: Vec3, duration_s: f64, since: Tick) -> u32 {
        self.next += 1;
        let id = self.next;
        let job = Job {
            id,
            kind,
            subject,
            site,
            duration_s,
            fluid_l: 0.0,
            deadline: None,
            after: None,
            since,
            holder: None,
            last_holder: None,
            work_s: 0.0,
            attempts: 0,
            not_before: 0,
            is_overdue: false,
            blocked: None,
        };
        self.jobs.insert(id, job);
        id
    }

    /// An open job.
    pub fn get(&self, id: u32) -> Option<&Job> {
        self.jobs.get(&id)
    }

    /// An open job, to change it.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut Job> {
        self.jobs.get_mut(&id)
    }

    /// Every open job in order of numbers.
    pub fn open(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    /// Every open job, to change it.
    pub fn open_mut(&mut self) -> impl Iterator<Item = &mut Job> {
        self.jobs.values_mut()
    }

    /// Open jobs of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Job> {
        self.jobs.values().filter(move |job| job.kind == kind)
    }

    /// Whether the job that must be done before this one is still open.
    pub fn is_early(&self, job: &Job) -> bool {
        job.after.is_some_and(|before| self.jobs.contains_key(&before))
    }

    /// Takes a job off the board because it is done.
    pub fn finish(&mut self, id: u32) -> Option<Job> {
        let job = self.jobs.remove(&id);
        self.done += u32::from(job.is_some());
        job
    }

    /// Takes a job off the board because nobody needs it any more.
    pub fn withdraw(&mut self, id: u32) -> Option<Job> {
        self.jobs.remove(&id)
    }

    /// Gives a job to a drone.
    pub fn award(&mut self, id: u32, serial: u32) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        self.reallocated += u32::from(job.last_holder.is_some_and(|last| last != serial));
        (job.holder, job.last_holder, job.blocked) = (Some(serial), Some(serial), None);
    }

    /// A drone gives a job back undone. Work done stays done.
    pub fn release(&mut self, id: u32, not_before: Tick, has_failed: bool) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.holder = None;
        job.not_before = job.not_before.max(not_before);
        job.attempts += u32::from(has_failed);
        self.failed += u32::from(has_failed);
    }

    /// Takes the board into a hash.
    pub fn enter(&self, hash: &mut Hash64) {
        hash.word(u64::from(self.next) << 32 | u64::from(self.done));
        self.jobs.values().for_each(|job| job.enter(hash));
    }
}
