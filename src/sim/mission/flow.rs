//! From phase to phase, and to the end.

use super::super::Level;
use super::job::Kind;
use super::{Activity, Doing, Outcome, Phase, Round, Status};

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
        let name = self.m.phase.name();
        self.tell(Level::Info, "mission_phase", format!("the mission is {name}, after {}", before.name()));
        if self.m.phase == Phase::Ended {
            let outcome = self.m.outcome.map_or("", Outcome::name);
            let message = format!("the mission has ended, {outcome}: {}", self.m.reason);
            let level = if self.m.outcome == Some(Outcome::Complete) { Level::Info } else { Level::Error };
            self.tell(level, "mission_ended", message);
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
        let has = |kind| self.m.board.of(kind).next().is_some();
        let (cleans, inspects) = (has(Kind::Clean), has(Kind::Inspect));
        let is_scanned = self.m.scanned_at.is_some();
        self.m.phase = match () {
            () if cleans => Phase::Working,
            () if inspects => Phase::Verifying,
            () if is_scanned => return self.conclude(),
            () => Phase::Scanning,
        };
        if is_scanned && !self.is_anything_possible() {
            self.conclude();
        }
    }

    /// Whether any task that the mission is about is under way or could be.
    fn is_anything_possible(&self) -> bool {
        let never = |kind| {
            matches!(
                self.obstacle_to(kind),
                Some("no drone is left that can do it" | "no drone is left that brings fluid")
            )
        };
        let (no_clean, no_inspect) = (never(Kind::Clean), never(Kind::Inspect));
        let mut open = self.m.board.open().filter(|job| matches!(job.kind, Kind::Clean | Kind::Inspect));
        open.any(|job| {
            job.holder.is_some()
                || match job.kind {
                    Kind::Clean => !no_clean,
                    _ if self.m.board.is_early(job) => !no_clean && !no_inspect,
                    _ => !no_inspect,
                }
        })
    }

    /// Nothing is left to do, or nothing that anyone could do.
    fn conclude(&mut self) {
        let [unknown, _, _, verified, _] = self.m.counts();
        let found = self.m.windows.len() as u32 - unknown;
        let seen = self.m.map.coverage_pct();
        let has_scouts = self.obstacle_to(Kind::Scan) != Some("no drone is left that can do it");
        let left = found - verified;
        let why =
            [Kind::Clean, Kind::Inspect].into_iter().find_map(|kind| Some((kind, self.obstacle_to(kind)?)));
        let (outcome, reason) = match (left, has_scouts, why) {
            (0, true, _) => {
                (Outcome::Complete, format!("the site is seen and all {found} windows found are verified"))
            }
            (0, false, _) => (
                Outcome::Stranded,
                format!("no drone is left that can scan, {seen:.0} % of the site is seen"),
            ),
            (_, _, Some((kind, why))) => (
                Outcome::Stranded,
                format!("{left} of {found} windows are left, and for {} {why}", kind.name()),
            ),
            _ => (Outcome::Stranded, format!("{left} of {found} windows are left")),
        };
        self.call_home(outcome, reason);
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
