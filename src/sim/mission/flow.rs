//! From phase to phase, and to the end.

use super::super::Level;
use super::job::Kind;
use super::plan::{NOBODY_CAN, NOBODY_SUPPLIES};
use super::{Activity, Doing, Outcome, Phase, Round, Stage, Status};

impl Round<'_> {
    pub(super) fn flow(&mut self) {
        let before = self.m.phase;
        match before {
            Phase::Preparing if self.now.time_s() >= self.now.spec.general.prepare_s => {
                self.m.phase = Phase::Scanning
            }
            Phase::Preparing | Phase::Ended => {}
            Phase::Scanning | Phase::Working | Phase::Verifying => self.flow_on(),
            Phase::Returning if self.is_everyone_down() => {
                self.m.phase = Phase::Ended;
                self.m.ended_at = Some(self.now.tick);
            }
            Phase::Returning => {}
        }
        if self.m.phase == before {
            return;
        }
        let (name, outcome) = (self.m.phase.name(), self.m.outcome.map_or("", Outcome::name));
        let is_good = self.m.outcome.is_none_or(|outcome| outcome == Outcome::Complete);
        let level = if is_good { Level::Info } else { Level::Error };
        match self.m.phase {
            Phase::Returning => {
                let message = format!(
                    "the mission is {outcome} and {name}, after {}: {}",
                    before.name(),
                    self.m.reason
                );
                self.tell(level, "mission_phase", message);
            }
            phase => self.tell(
                Level::Info,
                "mission_phase",
                format!("the mission is {}, after {}", phase.name(), before.name()),
            ),
        }
        if self.m.phase == Phase::Ended {
            let message =
                format!("the mission has ended, {outcome}: {}; {}", self.m.reason, self.where_all_are());
            self.tell(level, "mission_ended", message);
        }
    }

    /// Who can fly is down; who is out of action or flown by hand may not be.
    fn where_all_are(&self) -> String {
        let is_up = |sight: &&super::Sight| sight.doing != Doing::Standing;
        match self.sights.iter().filter(is_up).count() {
            0 => "nobody is in the air".to_owned(),
            count => format!("{count} of {} drones are in the air", self.sights.len()),
        }
    }

    fn flow_on(&mut self) {
        let limit_s = self.now.spec.general.limit_s;
        if self.now.time_s() >= limit_s {
            let [unknown, ..] = self.m.counts();
            let verified = self.m.counts()[Status::Verified as usize];
            let found = self.m.windows.len() as u32 - unknown;
            let reason =
                format!("the time limit of {limit_s:.0} s; {verified} of {found} windows found are verified");
            return self.call_home(Outcome::Incomplete, reason);
        }
        let has = |kind| self.m.board.of(kind).any(|job| job.window().is_some());
        let (cleans, inspects, is_given) = (has(Kind::Clean), has(Kind::Inspect), self.given_left() > 0);
        let is_scanned = self.m.scanned_at.is_some();
        self.m.phase = match () {
            () if cleans => Phase::Working,
            () if inspects => Phase::Verifying,
            () if is_given => Phase::Working,
            () if is_scanned => return self.conclude(),
            () => Phase::Scanning,
        };
        if is_scanned && !self.is_anything_possible() {
            self.conclude();
        }
    }

    /// Whether any task that the mission is about is under way or could be.
    fn is_anything_possible(&self) -> bool {
        let (no_clean, no_inspect) = (self.never(Kind::Clean).is_some(), self.never(Kind::Inspect).is_some());
        let is_given = |k: usize| self.m.given[k] != Stage::Done && self.never_given(k).is_none();
        if (0..self.m.given.len()).any(is_given) {
            return true;
        }
        let windows = self.m.board.open().filter(|job| job.window().is_some());
        windows.filter(|job| matches!(job.kind, Kind::Clean | Kind::Inspect)).any(|job| {
            job.holder.is_some()
                || match job.kind {
                    Kind::Clean => !no_clean,
                    _ if self.m.board.is_early(job) => !no_clean && !no_inspect,
                    _ => !no_inspect,
                }
        })
    }

    /// Why nobody will ever do tasks of a kind, if that is so.
    pub(super) fn never(&self, kind: Kind) -> Option<&'static str> {
        self.obstacle_to(kind).filter(|why| matches!(*why, NOBODY_CAN | NOBODY_SUPPLIES))
    }

    /// Nothing is left to do, or nothing that anyone could do.
    fn conclude(&mut self) {
        let [unknown, _, _, verified, _] = self.m.counts();
        let found = self.m.windows.len() as u32 - unknown;
        let seen = self.m.map.coverage_pct();
        let is_seen = self.never(Kind::Scan).is_none() || !self.is_to_be_scanned();
        let left = found - verified;
        let why = [Kind::Clean, Kind::Inspect].into_iter().find_map(|kind| Some((kind, self.never(kind)?)));
        let (outcome, reason) = match (left, self.given_left(), is_seen, why) {
            (0, 0, true, _) => (Outcome::Complete, self.all_done(found)),
            (0, 0, false, _) => (
                Outcome::Stranded,
                format!("no drone is left that can scan, {seen:.0} % of the site is seen"),
            ),
            (0, ..) => (Outcome::Stranded, self.given_reason()),
            (.., Some((kind, why))) => (
                Outcome::Stranded,
                format!("{left} of {found} windows found are left to {}: {why}", kind.name()),
            ),
            _ => (Outcome::Stranded, format!("{left} of {found} windows found are left")),
        };
        self.call_home(outcome, reason);
    }

    /// What a complete mission has come to.
    fn all_done(&self, found: u32) -> String {
        let windows = format!("the site is seen and all {found} windows found are verified");
        match (self.now.spec.layout.windows.len(), self.now.spec.tasks.len()) {
            (_, 0) => windows,
            (0, tasks) => format!("all {tasks} tasks of the scenario are done"),
            (_, tasks) => format!("{windows}, and all {tasks} tasks of the scenario are done"),
        }
    }

    fn call_home(&mut self, outcome: Outcome, reason: String) {
        self.m.phase = Phase::Returning;
        (self.m.outcome, self.m.reason) = (Some(outcome), reason);
        for i in 0..self.m.crew.len() {
            self.drop_jobs(i, 0.0, false);
            self.forsake(i);
        }
    }

    fn is_everyone_down(&self) -> bool {
        (0..self.m.crew.len()).all(|i| {
            let is_out = matches!(self.m.crew[i].activity, Activity::Lost | Activity::Manual);
            is_out || self.sight(i).is_none_or(|sight| sight.doing == Doing::Standing)
        })
    }
}
