//! The flocking rule of `scenarios/boids_abm.toml` on krABMaga: `krabmaga-flock AGENTS STEPS SIDE`. Prints one JSON line.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use krabmaga::engine::agent::Agent;
use krabmaga::engine::fields::field::Field;
use krabmaga::engine::fields::field_2d::{toroidal_distance, toroidal_transform, Field2D, Location2D};
use krabmaga::engine::location::Real2D;
use krabmaga::engine::schedule::Schedule;
use krabmaga::engine::state::State;
use krabmaga::rand::{self, Rng};

const VISION: f32 = 5.0;
const SEPARATION: f32 = 1.0;
const COHERE: f32 = 0.03;
const SEPARATE: f32 = 0.015;
const MATCH: f32 = 0.05;

#[derive(Clone, Copy)]
struct Bird {
    id: u32,
    place: Real2D,
    course: Real2D,
}

struct Flock {
    count: u32,
    side: f32,
    field: Field2D<Bird>,
}

impl Agent for Bird {
    fn step(&mut self, state: &mut dyn State) {
        let flock = state.as_any().downcast_ref::<Flock>().expect("the state is a flock");
        let (mut offset, mut near, mut course, mut count) = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), 0u32);
        for other in flock.field.get_neighbors_within_distance(self.place, VISION) {
            if other.id == self.id {
                continue;
            }
            let dx = toroidal_distance(other.place.x, self.place.x, flock.side);
            let dy = toroidal_distance(other.place.y, self.place.y, flock.side);
            count += 1;
            offset = (offset.0 + dx, offset.1 + dy);
            course = (course.0 + other.course.x, course.1 + other.course.y);
            if dx * dx + dy * dy < SEPARATION * SEPARATION {
                near = (near.0 + dx, near.1 + dy);
            }
        }
        let n = count.max(1) as f32;
        let sum = |offset: f32, near: f32, course: f32| (offset * COHERE - near * SEPARATE + course * MATCH) / n;
        let x = self.course.x + sum(offset.0, near.0, course.0);
        let y = self.course.y + sum(offset.1, near.1, course.1);
        let norm = (x * x + y * y).sqrt().max(f32::MIN_POSITIVE);
        self.course = Real2D { x: x / norm, y: y / norm };
        self.place = Real2D {
            x: toroidal_transform(self.place.x + self.course.x, flock.side),
            y: toroidal_transform(self.place.y + self.course.y, flock.side),
        };
        flock.field.set_object_location(*self, self.place);
    }
}

impl State for Flock {
    fn init(&mut self, schedule: &mut Schedule) {
        let mut rng = rand::rng();
        for id in 0..self.count {
            let place = Real2D { x: self.side * rng.random::<f32>(), y: self.side * rng.random::<f32>() };
            let angle = std::f32::consts::TAU * rng.random::<f32>();
            let bird = Bird { id, place, course: Real2D { x: angle.cos(), y: angle.sin() } };
            self.field.set_object_location(bird, place);
            schedule.schedule_repeating(Box::new(bird), 0., 0);
        }
    }

    fn reset(&mut self) {
        self.field = Field2D::new(self.side, self.side, VISION, true);
    }

    fn update(&mut self, _step: u64) {
        self.field.lazy_update();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn as_state(&self) -> &dyn State {
        self
    }

    fn as_state_mut(&mut self) -> &mut dyn State {
        self
    }
}

impl Location2D<Real2D> for Bird {
    fn get_location(self) -> Real2D {
        self.place
    }

    fn set_location(&mut self, place: Real2D) {
        self.place = place;
    }
}

impl Hash for Bird {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl PartialEq for Bird {
    fn eq(&self, other: &Bird) -> bool {
        self.id == other.id
    }
}

impl Eq for Bird {}

impl fmt::Display for Bird {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "bird {}", self.id)
    }
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<f64>().expect("a number"));
    let mut next = || numbers.next().expect("AGENTS STEPS SIDE");
    let (count, steps, side) = (next() as u32, next() as u64, next() as f32);
    let mut flock = Flock { count, side, field: Field2D::new(side, side, VISION, true) };
    let mut schedule = Schedule::new();
    flock.init(&mut schedule);
    let began = Instant::now();
    for _ in 0..steps {
        schedule.step(&mut flock);
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{{\"agents\": {count}, \"steps\": {steps}, \"seconds\": {seconds}}}");
}
