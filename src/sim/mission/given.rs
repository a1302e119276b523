//! Tasks that the scenario gives, beside those that windows and workers bring with them.

use serde::{Deserialize, Serialize};

use super::super::Level;
use super::job::{Job, Subject};
use super::{Activity, Round};

/// How far a given task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It is not its time yet.
    #[default]
    Coming,
    /// It stands on the board under this number.
    Open(u32),
    /// Done.
    Done,
}

impl Round<'_> {
    /// Puts up what is due. A task that waits for another one comes after it.
    pub(super) fn put_up_given(&mut self) {
        let (spec, tick) = (self.now.spec, self.now.tick);
        for (k, task) in spec.tasks.iter().enumerate() {
            let before = task.after.map(|before| self.m.given[before]);
            let is_due = self.now.time_s() >= task.at_s && before != Some(Stage::Coming);
            if self.m.given[k] != Stage::Coming || !is_due {
                continue;
            }
            let subject = Subject::Given(k as u32);
            let job = self.m.board.put(task.kind, subject, task.position, task.duration_s, tick);
            self.m.given[k] = Stage::Open(job);
            if let Some(job) = self.m.board.get_mut(job) {
                job.fluid_l = task.fluid_l;
                job.deadline = task.deadline_s.map(|seconds| tick + self.now.ticks(seconds));
                if let Some(Stage::Open(before)) = before {
                    job.after = Some(before);
                }
            }
        }
    }

    /// A drone is in its place for a given task.
    pub(super) fn do_given(&mut self, i: usize, job: &Job, k: usize) {
        let needs_l = job.fluid_l * self.now.dt / job.duration_s;
        let has_l = self.m.crew[i].fluid_l;
        if needs_l > 0.0 && has_l <= 0.0 {
            self.m.crew[i].activity = Activity::Transit;
            return;
        }
        let used_l = needs_l.min(has_l);
        self.m.crew[i].fluid_l -= used_l;
        self.m.fluid_l += used_l;
        if self.add_work(job.id) < job.duration_s {
            return;
        }
        self.m.given[k] = Stage::Done;
        self.finish(i, job.id);
        self.tell_of(i, Level::Info, "task_done", format!("{} is done", self.now.spec.tasks[k].name));
    }

    /// How many given tasks are not done.
    pub(super) fn given_left(&self) -> usize {
        self.m.given.iter().filter(|&&stage| stage != Stage::Done).count()
    }

    /// Why a given task will never be done, if that is so; the first in its chain that nobody can do is named.
    pub(super) fn never_given(&self, k: usize) -> Option<(usize, &'static str)> {
        let task = &self.now.spec.tasks[k];
        let before = task.after.filter(|&before| self.m.given[before] != Stage::Done);
        before
            .and_then(|before| self.never_given(before))
            .or_else(|| Some((k, self.never(task.kind)?)))
            .filter(|_| self.m.given[k] != Stage::Done)
    }

    /// What is left of the given tasks and why, in words.
    pub(super) fn given_reason(&self) -> String {
        let tasks = &self.now.spec.tasks;
        let left = self.given_left();
        let why = (0..tasks.len()).find_map(|k| self.never_given(k));
        let why = why.map_or(String::new(), |(k, why)| format!(": {}: {why}", tasks[k].name));
        format!("{left} of {} tasks of the scenario are left{why}", tasks.len())
    }
}
