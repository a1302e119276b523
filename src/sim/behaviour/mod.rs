//! Behaviours: rules by which drones fly among each other.
//!
//! A new one is a file with a [`Behaviour`] in it and its line in the list below; `docs/MODEL.md` walks through it. It
//! brings its own parameters, which then stand in scenarios, in `set_param` and in the console as
//! `behavior.<name>.<parameter>`.

use super::Vec3;
use super::company::Company;
use super::drone::{Drone, Task};
use super::params::Spec;
use super::pilot::Percept;

pub(super) use formation::{Frame, plan as formation_plan};
pub(super) use lloyd::region as lloyd_region;
pub(super) use vasarhelyi::Flock;

/// Declares files of this folder and lists the behaviours in them.
macro_rules! behaviours {
    ($($file:ident::$behaviour:ident),+ $(,)?) => {
        $(mod $file;)+

        /// Every behaviour. The order is part of recorded runs.
        pub static ALL: &[&Behaviour] = &[$(&$file::$behaviour),+];
    };
}

behaviours![
    boids::BOIDS,
    boids_abm::BOIDS_ABM,
    vicsek::VICSEK,
    couzin::COUZIN,
    olfati_saber::OLFATI_SABER,
    vasarhelyi::VASARHELYI,
    consensus::CONSENSUS,
    lloyd::LLOYD,
    formation::FORMATION,
    search::SEARCH,
    // A new one goes here, at the end: recorded runs know behaviours by their places.
];

/// The example of `docs/MODEL.md`, which no run knows.
#[cfg(test)]
#[path = "../../../examples/research/drift.rs"]
pub(super) mod example;

/// A rule by which a drone flies among others.
#[derive(Debug)]
pub struct Behaviour {
    /// Name in scenarios and commands.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Schema of its parameters.
    pub params: &'static [Spec],
    /// The velocity that the rule wants, in m/s, from the percept and the values of its parameters in schema order.
    /// Pure; avoidance has the last word on the result.
    pub rule: fn(&Percept, &[f64]) -> Vec3,
    /// How several drones meet their neighbours side by side, if the rule is written so (see [`super::flocking`]): faster, with
    /// the same bits.
    pub together: Option<fn(&mut Company, u8, &[f64])>,
}

impl Behaviour {
    /// The velocity that the behaviour at place `index` of [`ALL`] wants.
    pub fn velocity(&self, percept: &Percept, index: u8) -> Vec3 {
        (self.rule)(percept, percept.params.of_behaviour(usize::from(index)))
    }
}

/// The behaviour that a drone flies, if it can be flown together with others.
pub(super) fn together(drone: &Drone) -> Option<fn(&mut Company, u8, &[f64])> {
    match drone.task {
        Task::Swarm { behaviour } => ALL[usize::from(behaviour)].together,
        _ => None,
    }
}

/// Place of a behaviour in [`ALL`].
pub fn index_of(name: &str) -> Option<usize> {
    ALL.iter().position(|b| b.name == name)
}
