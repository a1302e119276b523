//! Doing the tasks: who is at its place, how far it has come, what follows when it is done.

use super::super::Level;
use super::job::{Job, Kind, Subject};
use super::{Activity, Doing, Round, Status};

/// A drone that takes this many times as long as planned to its place …
const PATIENCE: f64 = 3.0;
/// … and so many seconds more has not found a way.
const PATIENCE_S: f64 = 45.0;
/// Every cleaning takes this long beside what the dirt takes.
const TOUCH_S: f64 = 2.0;

impl Round<'_> {
    pub(super) fn work(&mut self) {
        for i in 0..self.m.crew.len() {
            if !self.sight(i).is_some_and(|sight| sight.doing == Doing::Free) {
                continue;
            }
            let first = self.m.crew[i].jobs.first().and_then(|&job| self.m.board.get(job)).cloned();
            let Some(job) = first else { continue };
            if self.is_in_place(i, &job) {
                self.m.crew[i].activity = Activity::Working;
                self.do_work(i, &job);
            } else {
                if self.m.crew[i].activity == Activity::Working {
                    self.m.crew[i].activity = Activity::Transit;
                    self.m.crew[i].began = self.now.tick;
                }
                self.watch(i, &job);
            }
        }
    }

    pub(super) fn is_in_place(&self, i: usize, job: &Job) -> bool {
        let (Some(sight), Some(place)) = (self.sight(i), self.place_of(i, job)) else { return false };
        let general = &self.now.spec.general;
        sight.position.distance(place.goal) < general.reach_m && sight.velocity.norm() < general.steady_mps
    }

    /// Who does not get to its place lets others try.
    fn watch(&mut self, i: usize, job: &Job) {
        let (Some(sight), Some(place)) = (self.sight(i), self.place_of(i, job)) else { return };
        let kind = self.kind(i);
        let way_s = self.way_s(kind.speed_mps_max, kind.climb_mps_max, sight.position, place.goal);
        let spent_s = (self.now.tick - self.m.crew[i].began) as f64 * self.now.tick_s;
        let patience_s = PATIENCE_S + PATIENCE * way_s;
        if spent_s > patience_s && job.kind != Kind::Tether {
            self.give_up(i, format!("task {} ({}): not there after {spent_s:.0} s", job.id, job.kind.name()));
        }
    }

    fn do_work(&mut self, i: usize, job: &Job) {
        if let Subject::Given(k) = job.subject {
            return self.do_given(i, job, k as usize);
        }
        match job.kind {
            Kind::Clean => self.clean(i, job),
            Kind::Scan | Kind::Patrol => {
                if self.add_work(job.id) >= job.duration_s {
                    if let Subject::View { cells, .. } = &job.subject {
                        self.m.map.tried(cells);
                    }
                    self.finish(i, job.id);
                }
            }
            Kind::Resupply => self.swap(i, job),
            Kind::Tether => self.connect(i, job),
            // Looking is the work; what is seen decides when it is done.
            Kind::Inspect => self.end_idle_look(i, job),
        }
    }

    pub(super) fn add_work(&mut self, id: u32) -> f64 {
        let dt = self.now.dt;
        self.m.board.get_mut(id).map_or(f64::INFINITY, |job| {
            job.work_s += dt;
            job.work_s
        })
    }

    pub(super) fn finish(&mut self, i: usize, id: u32) {
        if self.m.board.finish(id).is_some() {
            self.m.crew[i].done += 1;
        }
        self.go_on(i);
    }

    fn clean(&mut self, i: usize, job: &Job) {
        let Some(number) = job.window() else { return };
        let spec = self.now.spec;
        if spec.clean.fluid_lps > 0.0 && self.m.crew[i].fluid_l <= 0.0 {
            // It stops here; what is done of the task stays done.
            self.m.crew[i].activity = Activity::Transit;
            return;
        }
        let used_l = (spec.clean.fluid_lps * self.now.dt).min(self.m.crew[i].fluid_l);
        self.m.crew[i].fluid_l -= used_l;
        self.m.fluid_l += used_l;
        // What it takes is decided by the dirt that is there, not by what somebody believes.
        let needed_s = spec.clean.work_s * self.m.truth.dirt[number] + TOUCH_S;
        if self.add_work(job.id) < needed_s {
            return;
        }
        self.m.truth.clean(number, spec.clean.streaks, self.now.seed);
        let window = &mut self.m.windows[number];
        window.status = Status::Cleaned;
        window.cleaned_at = Some(self.now.tick);
        window.jobs[0] = None;
        (window.looks, window.dirt) = (0, 0.0);
        self.finish(i, job.id);
        self.tell_of(i, Level::Debug, "window_cleaned", format!("cleaned {}", spec.layout.name(number)));
    }

    /// An overseer in its place that sees nothing for long gives up.
    fn end_idle_look(&mut self, i: usize, job: &Job) {
        let spent_s = (self.now.tick - self.m.crew[i].began) as f64 * self.now.tick_s;
        if spent_s > PATIENCE_S + PATIENCE * job.duration_s + 60.0 {
            self.give_up(i, format!("task {} (inspect): the window is not to be seen", job.id));
        }
    }
}
